import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { continuationsCached, prelinkCached } from '../../host-node/prelink-cache.ts'
import { exceptionEncoding } from '../../runtime/engine/exception-encoding.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { letters } from '../session/guests.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-cache-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(directory, { recursive: true, force: true })
})

const module = { bytes: letters, sha256: createHash('sha256').update(letters).digest('hex') }

/** A host that accepts every module but the one that asks for legacy exceptions. */
function dropLegacy(): void {
  const { validate } = WebAssembly
  vi.spyOn(WebAssembly, 'validate').mockImplementation((bytes) => bytes.byteLength > 100 && validate(bytes))
}

test('a host that has both encodings, or legacy only, pre-links as the module wants', () => {
  expect(exceptionEncoding()).toBe('auto')
})

test('a host without legacy exceptions pre-links with exnref, and keeps that apart', () => {
  const legacy = prelinkCached(module, 'default', 'test', directory)
  expect(legacy).toEqual(prelink(letters, { exceptions: 'legacy' }).bytes)
  dropLegacy()
  expect(exceptionEncoding()).toBe('exnref')
  const exnref = prelinkCached(module, 'default', 'test', directory)
  expect(exnref).toEqual(prelink(letters, { exceptions: 'exnref' }).bytes)
  expect(exnref).not.toEqual(legacy)
  expect(readdirSync(directory).length).toBe(2)
  vi.restoreAllMocks()
  expect(Buffer.compare(prelinkCached(module, 'default', 'test', directory), legacy)).toBe(0)
  expect(readdirSync(directory).length).toBe(2)
})

test('each poll option and build has an entry of its own, and each is found again', () => {
  for (const _ of [1, 2]) {
    for (const polls of ['none', 'default', 'all'] as const) prelinkCached(module, polls, 'test', directory)
    prelinkCached(module, 'default', 'other', directory)
    expect(readdirSync(directory).length).toBe(4)
  }
})

test('continuations are found for the same module, options and call sites only', () => {
  const store = continuationsCached(module, 'default', 'test', directory)!
  const bytes = Uint8Array.of(1, 2, 3)
  expect(store.read('site 1')).toBeUndefined()
  store.write('site 1', bytes)
  expect([...store.read('site 1')!]).toEqual([1, 2, 3])
  expect(store.read('site 2')).toBeUndefined()
  expect([...continuationsCached(module, 'default', 'test', directory)!.read('site 1')!]).toEqual([1, 2, 3])
  expect(continuationsCached(module, 'none', 'test', directory)!.read('site 1')).toBeUndefined()
  expect(continuationsCached(module, 'default', 'other', directory)!.read('site 1')).toBeUndefined()
  expect(continuationsCached({ ...module, sha256: '0' }, 'default', 'test', directory)!.read('site 1')).toBeUndefined()
  expect(continuationsCached(module, 'default', 'test', undefined)).toBeUndefined()
})

test('damaged continuations are passed over', () => {
  const store = continuationsCached(module, 'default', 'test', directory)!
  store.write('site 1', Uint8Array.of(1, 2, 3))
  const file = join(directory, readdirSync(directory)[0]!)
  const content = readFileSync(file)
  content[1] = 7
  writeFileSync(file, content)
  expect(store.read('site 1')).toBeUndefined()
})

test('of continuations the last hundred and twenty-eight are kept, and no module makes way for them', () => {
  prelinkCached(module, 'default', 'test', directory)
  const store = continuationsCached(module, 'default', 'test', directory)!
  for (let site = 0; site < 140; site++) store.write(`site ${site}`, Uint8Array.of(site))
  const names = readdirSync(directory)
  expect(names.filter((name) => name.endsWith('.resume')).length).toBe(128)
  expect(names.filter((name) => name.endsWith('.wasm')).length).toBe(1)
  expect(store.read('site 139')).toBeDefined()
})
