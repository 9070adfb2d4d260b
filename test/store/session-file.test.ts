import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import {
  keepCheckpoint,
  listVersions,
  loadCheckpoint,
  removeVersions,
  saveCheckpoint,
} from '../../runtime/store/checkpoints.ts'
import { compactSession } from '../../runtime/store/gc.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { KeptVersion } from '../../runtime/store/session-versions/save-version.ts'
import type { Store } from '../../runtime/store/store.ts'
import { sampleCheckpoint, tinyCheckpoint } from '../image/sample.ts'
import { random } from '../log/sample-log.ts'
import { damageVersion } from '../support/damage-version.ts'

const data = 'sessions/calc/checkpoints.ckp'
const index = 'sessions/calc/checkpoints.cki'

/** Images of a program whose memory changes a little from one to the next, and grows once. */
function history(count: number, pages = 40): Uint8Array[] {
  const next = random(7)
  let memory = new Uint8Array(pages * 4096)
  for (let at = 0; at < memory.length / 2; at++) memory[at] = next(256)
  return Array.from({ length: count }, (_, i) => {
    if (i === 3) {
      const grown = new Uint8Array(memory.length + 65_536)
      grown.set(memory)
      memory = grown
    }
    for (let change = 0; change < 3; change++) memory[next(memory.length)] = next(255) + 1
    const sample = tinyCheckpoint()
    const state = { ...sample.instances[0]!, memories: [{ bytes: memory.slice() }], globals: Uint32Array.of(i, 7) }
    return encodeCheckpoint({ ...sample, label: `${i + 1}`, instances: [state], kernel: Uint8Array.of(i, 2, 3) })
  })
}

async function saved(images: readonly Uint8Array[], store: Store = new MemoryStore()): Promise<Store> {
  for (const image of images) await saveCheckpoint(store, 'calc', [image])
  return store
}

async function imageOf(store: Store, version: number): Promise<Uint8Array> {
  return (await loadCheckpoint(store, { name: 'calc', version })).bytes
}

/** Compared instead of the bytes, which takes the test's library seconds. */
const digest = (bytes: Uint8Array | undefined) => createHash('sha256').update(bytes!).digest('hex')

const copyOf = async (store: Store, edit: (name: string, bytes: Uint8Array) => Uint8Array | undefined) => {
  const copy = new MemoryStore()
  for (const { name } of await store.list('')) {
    const bytes = edit(name, (await store.get(name))!)
    if (bytes !== undefined) await copy.put(name, [bytes])
  }
  return copy
}

const kinds = async (store: Store) => (await listVersions(store, 'calc')).map(({ content }) => content.kind)

test('every version comes back byte for byte, and adds little to the file', async () => {
  const images = history(12)
  const store = await saved(images)
  for (const [i, image] of images.entries()) expect(digest(await imageOf(store, i + 1))).toBe(digest(image))
  const versions = await listVersions(store, 'calc')
  expect(versions.map(({ size }) => size)).toEqual(images.map(({ length }) => length))
  for (const { added } of versions.slice(4)) expect(added).toBeLessThan(8 * 4096)
  expect((await store.list('sessions/calc/')).map(({ name }) => name)).toEqual([index, data])
})

test('the same with the version before at hand, given in parts, and deflated', async () => {
  const images = history(8)
  const store = new MemoryStore()
  let before: KeptVersion | undefined
  for (const [i, image] of images.entries()) {
    const parts = i === 2 ? [image] : [image.subarray(0, 600), image.subarray(600)]
    const settings = { before, codec: i % 2 === 0 ? ('deflate' as const) : ('stored' as const) }
    const result = await keepCheckpoint(store, 'calc', parts[0]!.length < 600 ? [image] : headApart(image), settings)
    before = result.kept
  }
  for (const [i, image] of images.entries()) expect(digest(await imageOf(store, i + 1))).toBe(digest(image))
  const plain = await saved(images)
  const sizes = await Promise.all([store, plain].map(async (one) => (await one.get(data))!.length))
  expect(sizes[0]).toBeLessThan(sizes[1]!)
})

test('a version that is compared with the one before at hand is right whatever others did to the file meanwhile', async () => {
  const images = history(16, 300)
  const store = new MemoryStore()
  const read: string[] = []
  const watched: Store = Object.assign(Object.create(store) as Store, {
    get: (...args: Parameters<Store['get']>) => {
      read.push(args[0])
      return store.get(...args)
    },
    list: (prefix: string) => store.list(prefix),
    append: (...args: Parameters<Store['append']>) => store.append(...args),
  })
  const settings = { codec: 'stored' as const }
  let before: KeptVersion | undefined
  for (const [i, image] of images.entries()) {
    if (i === 5) await removeVersions(store, 'calc', ({ version }) => version < 3)
    if (i === 8) await compactSession(store, 'calc')
    if (i === 11) await saveCheckpoint(store, 'calc', [images[0]!])
    if (i === 13) await store.delete(index)
    read.length = 0
    const isAlone = ![0, 5, 8, 11, 13].includes(i)
    before = (await keepCheckpoint(watched, 'calc', headApart(image), { ...settings, before })).kept
    // Nothing but the end of the index where nobody else has written, also as memory has grown.
    if (isAlone) expect(read).toEqual([index])
  }
  const versions = (await listVersions(store, 'calc')).map(({ version }) => version)
  expect(versions).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17])
  for (const version of versions) {
    const image = version === 12 ? images[0]! : images[version < 12 ? version - 1 : version - 2]!
    expect(digest(await imageOf(store, version))).toBe(digest(image))
  }
})

/** As a session gives it: the head, and the rest. */
function headApart(image: Uint8Array): Uint8Array[] {
  const view = new DataView(image.buffer, image.byteOffset)
  const length = 32 + Math.ceil(view.getUint32(12, true) / 8) * 8 + view.getUint32(16, true) * 40
  return [image.slice(0, length), image.slice(length)]
}

test('an image with everything that one can hold comes back, with several memories and empty sections', async () => {
  const sample = { ...sampleCheckpoint(), input: new TextEncoder().encode('typed ahead') }
  const image = encodeCheckpoint(sample)
  const store = await saved([image, image])
  expect(digest(await imageOf(store, 1))).toBe(digest(image))
  expect(digest(await imageOf(store, 2))).toBe(digest(image))
  expect((await listVersions(store, 'calc'))[1]!.added).toBeLessThan(4096)
})

test('what cannot be taken apart is kept as it is: deflated images, and those of older builds', async () => {
  const deflated = encodeCheckpoint(sampleCheckpoint(), { compression: 'deflate' })
  const [first, second] = history(2)
  const store = new MemoryStore()
  await store.put('sessions/calc/1.ckpt', [first!])
  expect(await saveCheckpoint(store, 'calc', [second!])).toBe(2)
  expect(await saveCheckpoint(store, 'calc', [deflated])).toBe(3)
  expect(await saveCheckpoint(store, 'calc', [second!])).toBe(4)
  expect((await listVersions(store, 'calc')).map(({ version }) => version)).toEqual([1, 2, 3, 4])
  expect(digest(await imageOf(store, 1))).toBe(digest(first))
  expect(digest(await imageOf(store, 3))).toBe(digest(deflated))
  expect(digest(await imageOf(store, -1))).toBe(digest(deflated))
  await removeVersions(store, 'calc')
  expect(await store.list('')).toEqual([])
})

test('a save that was cut at any byte leaves all earlier versions, and the next one is good', async () => {
  const images = history(4, 20)
  const store = await saved(images.slice(0, 3))
  const [size, indexSize] = [(await store.get(data))!.length, (await store.get(index))!.length]
  await saveCheckpoint(store, 'calc', [images[3]!])
  const whole = (await store.get(data))!
  const step = process.env.LOG_FAULTS === 'full' ? 1 : 97
  for (let end = size; end < whole.length; end += step) {
    const crashed = await copyOf(store, (name, bytes) => bytes.subarray(0, name === data ? end : indexSize))
    expect(await kinds(crashed)).toEqual(['intact', 'intact', 'intact'])
    for (const version of [1, 2, 3]) expect(digest(await imageOf(crashed, version))).toBe(digest(images[version - 1]))
    expect(await saveCheckpoint(crashed, 'calc', [images[3]!])).toBe(4)
    expect(digest(await imageOf(crashed, 4))).toBe(digest(images[3]))
    expect(digest(await imageOf(crashed, 2))).toBe(digest(images[1]))
  }
  const wholeIndex = (await store.get(index))!
  for (let end = 0; end < wholeIndex.length; end += step) {
    const crashed = await copyOf(store, (name, bytes) => (name === index ? bytes.subarray(0, end) : bytes))
    expect(await kinds(crashed)).toEqual(['intact', 'intact', 'intact', 'intact'])
    expect(await saveCheckpoint(crashed, 'calc', [images[0]!])).toBe(5)
    expect(digest(await imageOf(crashed, 4))).toBe(digest(images[3]))
    expect(digest(await imageOf(crashed, 5))).toBe(digest(images[0]))
  }
})

test('the first save of all that was cut leaves no version', async () => {
  const [image] = history(1)
  const store = await saved([image!])
  const whole = (await store.get(data))!
  for (const end of [1, 31, 32, 33, 95, 96, 400, whole.length - 1]) {
    const crashed = await copyOf(store, (name, bytes) => (name === data ? bytes.subarray(0, end) : undefined))
    expect(await listVersions(crashed, 'calc')).toEqual([])
    expect(await saveCheckpoint(crashed, 'calc', [image!])).toBe(1)
    expect(digest(await imageOf(crashed, 1))).toBe(digest(image))
  }
})

test('a flipped bit anywhere is never restored, and hides no version that does not need it', async () => {
  const images = history(5, 20)
  const store = await saved(images)
  const next = random(3)
  const rounds = process.env.LOG_FAULTS === 'full' ? 4000 : 150
  for (let round = 0; round < rounds; round++) {
    const blob = round % 4 === 0 ? index : data
    const at = next((await store.get(blob))!.length)
    const changed = await copyOf(store, (name, bytes) => {
      const copy = bytes.slice()
      if (name === blob) copy[at]! ^= 1 << next(8)
      return copy
    })
    const listed = await listVersions(changed, 'calc')
    expect(listed.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5])
    for (const { version } of listed) {
      const bytes = await imageOf(changed, version).catch((error) => error.code as string)
      if (typeof bytes === 'string') expect(bytes).toMatch(/^STASIS_(CKP|IMAGE)_/)
      else if (Buffer.compare(bytes, images[version - 1]!) !== 0)
        expect(() => decodeCheckpoint(bytes)).toThrow(/damaged/)
    }
    if (blob === index)
      for (const [i, image] of images.entries()) expect(digest(await imageOf(changed, i + 1))).toBe(digest(image))
    // Whoever saves next goes on behind what is left.
    const version = await saveCheckpoint(changed, 'calc', [images[4]!])
    expect(version).toBe(6)
    expect(digest(await imageOf(changed, 6))).toBe(digest(images[4]))
  }
})

test('a damaged page is that of one version where no other has it', async () => {
  const images = history(4)
  const store = await saved(images)
  await store.put(data, [damageVersion((await store.get(data))!, 3)])
  expect(() => decodeCheckpoint(images[2]!)).not.toThrow()
  const third = await imageOf(store, 3)
  expect(() => decodeCheckpoint(third)).toThrow(/damaged/)
  for (const version of [1, 2, 4]) expect(digest(await imageOf(store, version))).toBe(digest(images[version - 1]))
})

test('a record that is damaged in both blobs is listed as damaged, and later versions that do not need it are not', async () => {
  const images = history(4)
  const other = encodeCheckpoint({ ...sampleCheckpoint(), label: 'another program' })
  const store = await saved([...images.slice(0, 2), other, other])
  const broken = await copyOf(store, (name, bytes) => {
    const copy = bytes.slice()
    const heads = placesOf(copy, Uint8Array.of(0x43, 0x4b, 0x50, 0x52))
    if (name === data || name === index) copy[heads[1]! + 70]! ^= 1
    return copy
  })
  const listed = await listVersions(broken, 'calc')
  expect(listed.map(({ version }) => version)).toEqual([1, 2, 3, 4])
  expect(listed[0]!.content.kind).toBe('intact')
  expect(listed[1]!.content).toMatchObject({ kind: 'damaged', error: { code: 'STASIS_CKP_DAMAGED' } })
  expect(digest(await imageOf(broken, 1))).toBe(digest(images[0]))
  await expect(imageOf(broken, 2)).rejects.toThrow(/calc@2 .*damaged/)
  expect(await saveCheckpoint(broken, 'calc', [images[3]!])).toBe(5)
  expect(digest(await imageOf(broken, 5))).toBe(digest(images[3]))
  expect(digest(await imageOf(broken, 1))).toBe(digest(images[0]))
})

function placesOf(bytes: Uint8Array, pattern: Uint8Array): number[] {
  const found: number[] = []
  for (let at = 0; at + 4 <= bytes.length; at += 8)
    if (pattern.every((byte, i) => bytes[at + i] === byte)) found.push(at)
  return found
}

test('data that is cut off shows what is gone, and its numbers are not given again', async () => {
  const images = history(3)
  const store = await saved(images)
  const cut = await copyOf(store, (name, bytes) => (name === data ? bytes.subarray(0, bytes.length - 8) : bytes))
  expect(await kinds(cut)).toEqual(['intact', 'intact', 'damaged'])
  await expect(imageOf(cut, 3)).rejects.toMatchObject({ code: 'STASIS_CKP_DAMAGED' })
  expect(await saveCheckpoint(cut, 'calc', [images[2]!])).toBe(4)
  expect(digest(await imageOf(cut, 4))).toBe(digest(images[2]))
})

test('removed versions are gone at once, others stay, and their pages go when the file is written anew', async () => {
  const images = history(10)
  const store = await saved(images)
  const removed = [1, 2, 5, 9]
  expect(await removeVersions(store, 'calc', ({ version }) => removed.includes(version))).toEqual(removed)
  const left = [3, 4, 6, 7, 8, 10]
  const check = async () => {
    expect((await listVersions(store, 'calc')).map(({ version }) => version)).toEqual(left)
    for (const version of left) expect(digest(await imageOf(store, version))).toBe(digest(images[version - 1]))
    await expect(imageOf(store, 5)).rejects.toMatchObject({ code: 'STASIS_VERSION_UNKNOWN' })
  }
  await check()
  await store.delete(index)
  await check()
  const { before, after } = await compactSession(store, 'calc')
  expect(after).toBeLessThan(before)
  await check()
  expect(await saveCheckpoint(store, 'calc', [images[0]!])).toBe(11)
  expect(digest(await imageOf(store, 11))).toBe(digest(images[0]))
  expect((await store.list('')).map(({ name }) => name)).toEqual([index, data])
})

test('a compaction that is cut short anywhere leaves the old file or the fresh one', async () => {
  const images = history(6)
  const left = [2, 4, 6]
  for (let step = 0; ; step++) {
    const store = await saved(images)
    await removeVersions(store, 'calc', ({ version }) => !left.includes(version))
    let done = 0
    const dying = new Proxy(store, {
      get: (target, key) => {
        const value = target[key as keyof Store]
        if (typeof value !== 'function') return value
        const isWrite = ['append', 'put', 'rename', 'delete'].includes(String(key))
        return (...args: never[]) => {
          if (isWrite && done++ === step) throw new Error('killed')
          return (value as (...given: never[]) => unknown).apply(target, args)
        }
      },
    })
    const isDone = await compactSession(dying, 'calc').then(
      () => true,
      () => false,
    )
    for (const version of left) expect(digest(await imageOf(store, version))).toBe(digest(images[version - 1]))
    expect((await listVersions(store, 'calc')).map(({ version }) => version)).toEqual(left)
    expect(await kinds(store)).toEqual(['intact', 'intact', 'intact'])
    expect(await saveCheckpoint(store, 'calc', [images[0]!])).toBe(7)
    if (isDone) {
      expect(step).toBeGreaterThan(4)
      return
    }
  }
})

test('a damaged page goes along in a compaction, as damaged', async () => {
  const images = history(4)
  const store = await saved(images)
  await store.put(data, [damageVersion((await store.get(data))!, 3)])
  await removeVersions(store, 'calc', ({ version }) => version === 1)
  await compactSession(store, 'calc')
  const third = await imageOf(store, 3)
  expect(() => decodeCheckpoint(third)).toThrow(/damaged/)
  expect(digest(await imageOf(store, 4))).toBe(digest(images[3]))
})

test('garbage that outweighs the rest goes by itself, as versions come and go', async () => {
  const memory = new Uint8Array(512 * 4096)
  const next = random(5)
  const store = new MemoryStore()
  for (let version = 1; version <= 12; version++) {
    for (let at = 0; at < memory.length; at += 8) memory[at] = next(256)
    const sample = tinyCheckpoint()
    const state = { ...sample.instances[0]!, memories: [{ bytes: memory.slice() }] }
    await saveCheckpoint(store, 'calc', [encodeCheckpoint({ ...sample, instances: [state] })])
    await removeVersions(store, 'calc', (info) => info.version < version)
  }
  expect((await listVersions(store, 'calc')).map(({ version }) => version)).toEqual([12])
  expect((await store.get(data))!.length).toBeLessThan(3.2 * memory.length)
})

test('files are their owner’s alone', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-modes-'))
  try {
    const store = new FileStore(join(directory, '.stasis'))
    await saved(history(1), store)
    await store.put('modules/x', [new Uint8Array(1)])
    const mode = (path: string) => statSync(join(directory, '.stasis', path)).mode & 0o777
    expect([data, index, 'modules/x'].map(mode)).toEqual([0o600, 0o600, 0o600])
    expect(['', 'sessions', 'sessions/calc', 'modules'].map(mode)).toEqual([0o700, 0o700, 0o700, 0o700])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
