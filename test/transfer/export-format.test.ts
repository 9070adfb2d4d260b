import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { chunkAddress } from '../../runtime/log/chunks.ts'
import { hex } from '../../runtime/log/layout.ts'
import { parseAddress } from '../../runtime/store/address.ts'
import { loadCheckpoint, saveCheckpoint, saveModule } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { exportSession } from '../../runtime/transfer/export/export-session.ts'
import { importSession } from '../../runtime/transfer/export/import-session.ts'
import { readExport } from '../../runtime/transfer/export/read-export.ts'
import { concat, ExportWriter } from '../../runtime/transfer/export/write-export.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { tinyCheckpoint } from '../image/sample.ts'

const sha256 = async (bytes: Uint8Array): Promise<string> =>
  hex(new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', new Uint8Array(bytes))))

const host = { sha256, uuid: () => '6b1f0e3c-0000-4000-8000-000000000009' }

const module = new TextEncoder().encode('a module '.repeat(20))
const log = Uint8Array.of(1, 2, 3)
const chunk = new Uint8Array(300).fill(5)
const address = hex(chunkAddress(chunk))

/** A store with a session `calc` of one version, with a log of one piece behind it that needs one chunk. */
async function sample(): Promise<MemoryStore> {
  const store = new MemoryStore()
  const hash = await sha256(module)
  await saveModule(store, hash, module)
  const checkpoint = tinyCheckpoint()
  const whole = { ...checkpoint, module: { ...checkpoint.module, sha256: hash } }
  await saveCheckpoint(store, 'calc', [encodeCheckpoint(whole)])
  const piece = `sessions/calc/${whole.calls}-${whole.session.id.slice(0, 8)}.log`
  await store.put(piece, [log])
  await store.put(`${piece}.chunks`, [chunkAddress(chunk)])
  await store.put(`sessions/calc/chunks/${address}`, [chunk])
  return store
}

async function exported(store: MemoryStore, name = 'calc'): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of exportSession(host, store, parseAddress(name))) parts.push(part)
  return concat(parts)
}

const blobs = async (store: MemoryStore): Promise<Record<string, string>> => {
  const all = await store.list('')
  const pairs = all.map(async ({ name }) => [name, hex((await store.get(name))!)] as const)
  return Object.fromEntries(await Promise.all(pairs))
}

test('what is exported is imported as it was, and gives the same bytes again', async () => {
  const store = await sample()
  const file = await exported(store)
  expect(await exported(store)).toEqual(file)
  const other = new MemoryStore()
  expect(await importSession(host, other, [file])).toBe('calc')
  expect(Object.keys(await blobs(other)).length).toBeGreaterThanOrEqual(5)
  expect(await exported(other)).toEqual(file)
  expect(await other.get(`sessions/calc/chunks/${address}`)).toEqual(chunk)
  const kinds: string[] = []
  for await (const entry of readExport([file])) kinds.push(entry.kind)
  expect(kinds).toEqual(['session', 'module', 'chunk', 'log', 'log', 'image'])
})

test('the format is that of the golden file, whose session is imported for ever', async () => {
  const golden = new URL('../golden/session-v1.stasis', import.meta.url)
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, await exported(await sample()))
  const file = new Uint8Array(readFileSync(golden))
  const store = new MemoryStore()
  await importSession(host, store, [file])
  expect(await exported(store)).toEqual(file)
  expect(await exported(await sample())).toEqual(file)
})

test('a version by its number comes without a log', async () => {
  const store = await sample()
  const kinds: string[] = []
  for await (const entry of readExport([await exported(store, 'calc@1')])) kinds.push(entry.kind)
  expect(kinds).toEqual(['session', 'module', 'image'])
})

test('pieces of any size are read, and another name can be given', async () => {
  const file = await exported(await sample())
  const other = new MemoryStore()
  const single = Array.from(file, (byte) => Uint8Array.of(byte))
  expect(await importSession(host, other, single, { name: 'again' })).toBe('again')
  expect((await loadCheckpoint(other, parseAddress('again'))).address.version).toBe(1)
  await expect(importSession(host, other, [file], { name: 'again' })).rejects.toMatchObject({
    code: 'STASIS_SESSION_EXISTS',
  })
})

test('cut at any byte it is refused, and nothing of it stays', async () => {
  const file = await exported(await sample())
  for (let length = 0; length < file.length; length++) {
    const other = new MemoryStore()
    const importing = importSession(host, other, [file.subarray(0, length)])
    await expect(importing, `cut at ${length}`).rejects.toMatchObject({
      code: expect.stringMatching(/^STASIS_EXPORT_/),
    })
    expect(await other.list(''), `cut at ${length}`).toEqual([])
  }
})

test('no byte can be changed without notice, and nothing of it stays', async () => {
  const file = await exported(await sample())
  for (let at = 0; at < file.length; at++) {
    const changed = file.slice()
    changed[at] = changed[at]! ^ 0x40
    const other = new MemoryStore()
    const error = await importSession(host, other, [changed]).then(
      () => undefined,
      (thrown) => thrown,
    )
    expect(isStasisError(error), `byte ${at}: ${error}`).toBe(true)
    expect(await other.list(''), `byte ${at}`).toEqual([])
  }
})

/** What somebody writes who knows the format. */
function written(...entries: readonly (readonly [Parameters<ExportWriter['entry']>[0], string, Uint8Array])[]) {
  const writer = new ExportWriter()
  return [writer.header(), ...entries.flatMap((entry) => [...writer.entry(...entry, false)]), ...writer.end()]
}

const nothing = new Uint8Array(0)
const digits = '0'.repeat(64)

test.each([
  ['a name that leaves the store', [['session', '../../etc', nothing]], /no name/],
  [
    'a log that leaves the store',
    [
      ['session', 'a', nothing],
      ['log', '../1-00000000.log', log],
    ],
    /no proper name/,
  ],
  [
    'a chunk that is another',
    [
      ['session', 'a', nothing],
      ['chunk', digits, log],
    ],
    /not what its address says/,
  ],
  [
    'a chunk whose address is a path',
    [
      ['session', 'a', nothing],
      ['chunk', '../x', log],
    ],
    /not what its address says/,
  ],
  [
    'a module that is another',
    [
      ['session', 'a', nothing],
      ['module', digits, log],
    ],
    /is not the one/,
  ],
  ['no session', [['module', digits, log]], /does not begin with a session/],
  [
    'entries out of order',
    [
      ['session', 'a', nothing],
      ['image', '', log],
      ['module', digits, log],
    ],
    /an entry "module" stands there|image is damaged|no Stasis checkpoint|not a Stasis/,
  ],
  [
    'two sessions',
    [
      ['session', 'a', nothing],
      ['session', 'b', nothing],
    ],
    /an entry "session" stands there/,
  ],
  ['no state', [['session', 'a', nothing]], /no state to go on from/],
  [
    'a state without a module',
    [
      ['session', 'a', nothing],
      ['image', '', encodeCheckpoint(tinyCheckpoint())],
    ],
    /of another module/,
  ],
] as const)('%s is refused, and nothing of it stays', async (_, entries, message) => {
  const store = new MemoryStore()
  await expect(importSession(host, store, written(...entries))).rejects.toThrow(message)
  expect(await store.list('')).toEqual([])
})

test('an entry above the limit is refused', async () => {
  const file = written(['session', 'a', nothing], ['module', digits, module])
  const limited = importSession(host, new MemoryStore(), file, { maxEntrySize: 10 })
  await expect(limited).rejects.toMatchObject({
    code: 'STASIS_EXPORT_DAMAGED',
    message: expect.stringMatching(/claims 180 bytes/),
  })
})
