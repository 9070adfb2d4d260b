import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDirectory } from '../../host-node/directory.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { decodeNote } from '../../wasm-shim/wasi/recovery/note.ts'
import { createTestHost } from '../support/test-host.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-listing-'))
  for (const name of ['one', 'two', 'three']) writeFileSync(join(directory, name), name)
})
afterEach(() => rmSync(directory, { recursive: true }))

const mounts = (): Mount[] => [
  { guest: '/data', kind: 'host', source: directory, readOnly: false, fs: openDirectory(directory) },
]

/** Reads the directory's entries from `cookie` on into 64 bytes; the file numbers that were given whole. */
function read(kernel: Kernel, cookie: bigint): { used: number; numbers: bigint[] } {
  const memory = new WebAssembly.Memory({ initial: 1 })
  kernel.attach(() => memory)
  expect(kernel.link('wasi_snapshot_preview1', 'fd_readdir')!(3, 0, 64, cookie, 128)).toBe(0)
  const view = new DataView(memory.buffer)
  const used = view.getUint32(128, true)
  const numbers: bigint[] = []
  for (let at = 0; at + 24 <= used; at += 24 + view.getUint32(at + 16, true))
    numbers.push(view.getBigUint64(at + 8, true))
  return { used, numbers }
}

test('a host directory that was listed in part goes on being listed after a restore, file numbers included', () => {
  const host = createTestHost()
  const kernel = Kernel.create({ args: [], env: [], mounts: mounts(), notes: true }, host)
  expect(read(kernel, 0n).used).toBe(64)
  const grants = { mounts: mounts(), memoryFileSystem: () => MemoryFileSystem.create(host.clocks.realtime) }
  const restored = Kernel.restore(kernel.save(), grants, host)
  const rest = read(kernel, 2n)
  expect(rest.numbers.length).toBeGreaterThan(0)
  expect(read(restored, 2n)).toEqual(rest)
})

test('the log’s note of a listing can be read', () => {
  const kernel = Kernel.create({ args: [], env: [], mounts: mounts(), notes: true }, createTestHost())
  read(kernel, 0n)
  const note = decodeNote(kernel.notes('wasi_snapshot_preview1', 'fd_readdir').after!()!)
  expect(note.kind === 'listing' && note.listing.every(({ ino }) => ino > 0n)).toBe(true)
})
