import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { openLog } from '../../host-node/open-log.ts'
import { openStore } from '../../host-node/open-store.ts'
import { SqliteStore } from '../../host-node/sqlite/store.ts'
import { copySession } from '../../runtime/store/copy-session.ts'
import { type WebCrypto, webCipher } from '../../runtime/store/encryption/cipher.ts'
import { EncryptedStore } from '../../runtime/store/encryption/encrypted-store.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { checkBlobs, writeForever } from './crash.ts'
import { storeSuite } from './store-suite.ts'

const key = new Uint8Array(32).fill(3)
const cipher = await webCipher(globalThis.crypto as unknown as WebCrypto, key)
const sealed = (inner: Store) => new EncryptedStore(inner, cipher, key)
const bytes = (...values: number[]) => Uint8Array.from(values)
const damaged = { code: 'STASIS_BLOB_DAMAGED', message: expect.stringContaining('Nothing of it is used') }

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-sealed-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe.each([
  ['memory', async () => sealed(new MemoryStore())],
  ['directory', async () => sealed(new FileStore(join(directory, 'x')))],
  ['SQLite', async () => sealed(new SqliteStore(join(directory, 'x.db')))],
] as const)('encrypted %s store', (_, open) => {
  storeSuite(open, async () => undefined)
})

test('after a kill at any instant every blob is whole', async () => {
  const script = join(directory, 'writer.mjs')
  const imports = `import { openStore } from './host-node/open-store.ts'`
  const url = `file:${join(directory, 'x')}`
  await bundleProgram(
    writeForever(imports, `await openStore('${url}', { key: new Uint8Array(32).fill(3), encrypt: true })`),
    script,
  )
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await Promise.race([once(child, 'message'), once(child, 'exit').then(() => Promise.reject(new Error('it ended')))])
    await delay(round * 23)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await checkBlobs(await openStore(url, { key }))
  }
})

const whole = Uint8Array.from({ length: 900_000 }, (_, i) => (i >> 8) ^ i)

test('large blobs are whole in every range, also when cut, and when another one reads than wrote', async () => {
  const inner = new MemoryStore()
  const store = sealed(inner)
  await store.put('modules/x', [whole.subarray(0, 10), whole.subarray(10, 700_000)])
  await store.append('modules/x', 700_000, [whole.subarray(700_000)])
  const edges = [0, 1, 10, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 699_999, 700_000, 700_001, 900_000]
  for (const start of edges) {
    for (const end of edges.filter((edge) => edge >= start)) {
      expect(Buffer.compare((await store.get('modules/x', { start, end }))!, whole.subarray(start, end))).toBe(0)
    }
  }
  for (const at of edges.toReversed()) {
    await store.append('modules/x', at, [bytes(255), bytes(7)])
    const expected = Buffer.concat([whole.subarray(0, at), bytes(255, 7)])
    for (const reader of [store, sealed(inner)]) {
      expect(Buffer.compare((await reader.get('modules/x'))!, expected)).toBe(0)
      expect(await reader.list('modules/')).toMatchObject([{ size: at + 2 }])
    }
  }
})

test('a range costs its frames, and appending what is appended', async () => {
  const inner = new MemoryStore()
  const store = sealed(inner)
  await store.put('modules/x', [new Uint8Array(20 << 20)])
  let read = 0
  const { get } = inner
  inner.get = async (name, range) => {
    const found = await get.call(inner, name, range)
    read += found?.length ?? 0
    return found
  }
  await store.get('modules/x', { start: 10_000_000, end: 10_000_100 })
  expect(read).toBeLessThan(1 << 20)
  read = 0
  await store.get('modules/x', { start: 10_000_000, end: 10_000_100 })
  expect(read).toBeLessThan(300_000)
  const before = (await inner.list(''))[0]!.size
  await store.append('modules/x', 20 << 20, [bytes(1)])
  expect((await inner.list(''))[0]!.size - before).toBe(45)
})

test('two readers and a writer see what the other one did', async () => {
  const inner = new MemoryStore()
  const [one, two] = [sealed(inner), sealed(inner)]
  await one.put('modules/x', [bytes(1, 2, 3)])
  expect(await two.get('modules/x')).toEqual(bytes(1, 2, 3))
  await one.append('modules/x', 1, [bytes(8)])
  expect(await two.get('modules/x')).toEqual(bytes(1, 8))
  await two.put('modules/x', [bytes(9)])
  expect(await Promise.all([one, one, two].map((store) => store.get('modules/x')))).toEqual(Array(3).fill(bytes(9)))
  await two.delete('modules/x')
  expect(await one.get('modules/x')).toBeUndefined()
})

describe('what was tampered with is refused', () => {
  const text = new TextEncoder().encode('the secret of the session')
  /** A store of two blobs, one written whole and one grown. */
  async function prepared() {
    const inner = new MemoryStore()
    const store = sealed(inner)
    await store.put('modules/whole', [text])
    await store.append('modules/grown', 0, [text])
    await store.append('modules/grown', text.length, [text])
    const raw = async (name: string) => (await inner.get(`modules/${name}`))!
    const set = (name: string, content: Uint8Array) => inner.put(`modules/${name}`, [content])
    const read = (name: string) => sealed(inner).get(`modules/${name}`)
    return { inner, store, raw, set, read }
  }

  test('in every byte', async () => {
    const { raw, set, read } = await prepared()
    for (const name of ['whole', 'grown']) {
      const good = await raw(name)
      for (let i = 0; i < good.length; i++) {
        for (const bit of [1, 128]) {
          const bad = good.slice()
          bad[i]! ^= bit
          await set(name, bad)
          const found = await read(name).catch((error) => error)
          if (!(found instanceof Uint8Array)) expect(found).toMatchObject(damaged)
          // The length of a grown blob's last frame may say that more was being written: then it ends before.
          else expect([text.length, 0]).toContain(name === 'grown' ? found.length : -1)
        }
      }
    }
  })

  test('by cutting: what was written whole is refused, what was grown is shorter', async () => {
    const { raw, set, read } = await prepared()
    const good = await raw('whole')
    for (let length = 52; length < good.length; length++) {
      await set('whole', good.subarray(0, length))
      await expect(read('whole')).rejects.toMatchObject(damaged)
    }
    const grown = await raw('grown')
    for (let length = 52; length < grown.length; length++) {
      await set('grown', grown.subarray(0, length))
      expect([0, text.length]).toContain((await read('grown'))!.length)
    }
    await set('grown', new Uint8Array([...grown, ...new Uint8Array(500)]))
    expect((await read('grown'))!.length).toBe(2 * text.length)
  })

  test('by swapping blobs, or frames of one or two blobs', async () => {
    const { inner, store, raw, set, read } = await prepared()
    const [one, two] = [await raw('whole'), await raw('grown')]
    await set('whole', two)
    await expect(read('whole')).rejects.toMatchObject(damaged)
    const frame = (blob: Uint8Array, i: number) =>
      blob.subarray(52 + i * (44 + text.length)).subarray(0, 44 + text.length)
    const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
    for (const content of [
      joined(two.subarray(0, 52), frame(two, 1), frame(two, 0)),
      joined(two.subarray(0, 52), frame(two, 0), frame(two, 0)),
      joined(two.subarray(0, 52), frame(two, 1)),
      joined(two.subarray(0, 52), frame(one, 0)),
      joined(two, frame(two, 1)),
    ]) {
      await set('grown', content)
      await expect(read('grown')).rejects.toMatchObject(damaged)
    }
    await set('grown', two)
    // Going back inside a blob: the frame that replaced another one is replaced by that again, behind what came later.
    await store.append('modules/grown', text.length, [text.toReversed()])
    await store.append('modules/grown', 2 * text.length, [text])
    const later = await raw('grown')
    await set('grown', joined(later.subarray(0, 52), frame(later, 0), frame(later, 1), frame(later, 3)))
    await expect(read('grown')).rejects.toMatchObject(damaged)
    expect((await inner.list('')).length).toBe(2)
  })

  test('by frames of another blob, at their places, where only those are read', async () => {
    const { inner, store } = await prepared()
    for (const name of ['modules/a', 'modules/b']) {
      for (let i = 0; i < 3; i++) await store.append(name, i * 8, [new TextEncoder().encode(`${name} ${i}`.slice(-8))])
    }
    const [a, b] = [(await inner.get('modules/a'))!, (await inner.get('modules/b'))!]
    await inner.put('modules/a', [a.subarray(0, 52), b.subarray(52)])
    await expect(sealed(inner).get('modules/a', { start: 17, end: 20 })).rejects.toMatchObject(damaged)
    await expect(sealed(inner).get('modules/a', { start: 0, end: 2 })).rejects.toMatchObject(damaged)
  })

  test('by another key', async () => {
    const { inner } = await prepared()
    const other = new Uint8Array(32).fill(4)
    const wrong = new EncryptedStore(inner, await webCipher(globalThis.crypto as unknown as WebCrypto, other), other)
    await expect(wrong.get('modules/whole')).rejects.toMatchObject(damaged)
    await expect(wrong.append('modules/whole', 0, [])).rejects.toMatchObject(damaged)
  })
})

describe('the log that the guest’s thread writes', () => {
  const stores = () => [new FileStore(join(directory, 'x')), new SqliteStore(join(directory, 'x.db'))]
  const secret = new TextEncoder().encode('secret '.repeat(20))

  test('is sealed, read by the store, and gone on with', async () => {
    for (const inner of stores()) {
      const store = sealed(inner)
      await (await store.lock('s')).release()
      const lock = await store.lock('s')
      const storage = openLog(store.logPlace!('s'))
      const name = '0-00000000.log'
      const file = storage.open(name, 0)
      file.append(secret)
      file.append(bytes(1, 2, 3))
      storage.chunks.put('ab'.repeat(32), secret)
      file.close()
      expect(Buffer.concat([...storage.read(name)].map((piece) => piece.slice()))).toEqual(
        Buffer.concat([secret, bytes(1, 2, 3)]),
      )
      expect(await store.get(`sessions/s/${name}`)).toEqual(new Uint8Array([...secret, 1, 2, 3]))
      expect(await store.get(`sessions/s/chunks/${'ab'.repeat(32)}`)).toEqual(secret)
      // Whoever goes on does so before the end, in the middle of what was one block.
      const again = openLog(store.logPlace!('s'))
      const resumed = again.open(name, secret.length + 1)
      resumed.append(bytes(9, 9))
      resumed.append(bytes(8))
      expect(await store.get(`sessions/s/${name}`)).toEqual(new Uint8Array([...secret, 1, 9, 9, 8]))
      expect([...again.read(name)].flatMap((piece) => [...piece])).toEqual([...secret, 1, 9, 9, 8])
      expect(again.chunks.get('ab'.repeat(32))).toEqual(secret)
      await store.rename(`sessions/s/chunks/${'ab'.repeat(32)}`, `sessions/s/chunks/${'ab'.repeat(32)}.old`)
      expect(again.chunks.get('ab'.repeat(32))).toEqual(secret)
      again.setAside(name)
      expect((await store.get(`sessions/s/${name}.lost`))!.length).toBe(secret.length + 4)
      await lock.release()
      expect(everythingIn(directory)).not.toContain('secret secret')
    }
  })

  test('is refused where it was tampered with', async () => {
    const store = sealed(new FileStore(join(directory, 'x')))
    const lock = await store.lock('s')
    const storage = openLog(store.logPlace!('s'))
    storage.open('0-00000000.log', 0).append(secret)
    const path = store.locate('sessions/s/0-00000000.log')
    const good = readFileSync(path)
    for (let i = 0; i < good.length; i += 5) {
      if (i >= 52 && i < 56) continue
      const bad = Uint8Array.from(good)
      bad[i]! ^= 1
      writeFileSync(path, bad)
      expect(() => [...storage.read('0-00000000.log')]).toThrow(/damaged or was tampered with/)
    }
    await lock.release()
  })
})

function everythingIn(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isFile() ? [readFileSync(path, 'latin1')] : []))
    .join('\n')
}

describe('a store is opened', () => {
  const url = () => `file:${join(directory, 'x')}`

  test('by its key only, and only once it was made with one', async () => {
    const store = await openStore(url(), { key, encrypt: true })
    await store.put('modules/x', [new TextEncoder().encode('secret secret')])
    expect(everythingIn(directory)).not.toContain('secret')
    expect(await (await openStore(url(), { key })).get('modules/x')).toHaveLength(13)
    const wrong = { code: 'STASIS_KEY_WRONG' }
    await expect(openStore(url(), { key: key.toReversed().fill(1) })).rejects.toMatchObject(wrong)
    await expect(openStore(url(), { key: key.subarray(1) })).rejects.toMatchObject(wrong)
    await expect(openStore(url(), { passphrase: 'x' })).rejects.toMatchObject(wrong)
    await expect(openStore(url())).rejects.toMatchObject({
      code: 'STASIS_KEY_NEEDED',
      message: expect.stringContaining('--key-file'),
    })
    expect((await store.list('')).map(({ name }) => name)).toEqual(['modules/x'])
  })

  test('by its passphrase, and a store in clear by no key', async () => {
    const store = await openStore(url(), { passphrase: 'correct horse', encrypt: true })
    await store.put('modules/x', [bytes(1)])
    expect(await (await openStore(url(), { passphrase: 'correct horse' })).get('modules/x')).toEqual(bytes(1))
    const wrong = { code: 'STASIS_KEY_WRONG', message: expect.stringContaining('passphrase') }
    await expect(openStore(url(), { passphrase: 'Correct horse' })).rejects.toMatchObject(wrong)
    const clear = `file:${join(directory, 'clear')}`
    await expect(openStore(clear, { key })).rejects.toMatchObject({ code: 'STASIS_STORE_CLEAR' })
    await (await openStore(clear)).put('modules/x', [bytes(1)])
    await expect(openStore(clear, { key, encrypt: true })).rejects.toMatchObject({ code: 'STASIS_STORE_CLEAR' })
    const copied = await openStore(url(), { passphrase: 'correct horse' })
    await (await openStore(clear)).put('sessions/s/a', [bytes(5)])
    await copySession(await openStore(clear), 's', copied)
    expect(await copied.get('sessions/s/a')).toEqual(bytes(5))
  })

  test('not where the record of its encryption is damaged, whatever that says', async () => {
    await openStore(url(), { passphrase: 'x', encrypt: true })
    const path = join(directory, 'x', 'encryption.cbor')
    const good = readFileSync(path)
    for (let i = 0; i < good.length; i++) {
      const bad = Uint8Array.from(good)
      // Costs within the limits are tried, which takes its time.
      bad[i]! ^= 0x80
      writeFileSync(path, bad)
      if (i % 8 > 0) continue
      await expect(openStore(url(), { passphrase: 'x' })).rejects.toMatchObject({
        code: expect.stringMatching(/STASIS_(KEY_WRONG|ENCRYPTION_DAMAGED)/),
      })
    }
    writeFileSync(path, new Uint8Array(5000))
    await expect(openStore(url(), { passphrase: 'x' })).rejects.toMatchObject({ code: 'STASIS_ENCRYPTION_DAMAGED' })
  })
})
