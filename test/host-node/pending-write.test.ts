import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDirectory } from '../../host-node/directory.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-pending-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const mounts = (): Mount[] => [
  { guest: '/data', kind: 'host', source: directory, readOnly: false, fs: openDirectory(directory) },
]

/** The state of a program that has opened a file as descriptor 4 and written to it. */
function stateWithOpenFile(): Uint8Array {
  const kernel = Kernel.create({ args: [], env: [], mounts: mounts(), notes: true }, createTestHost())
  const memory = new WebAssembly.Memory({ initial: 1 })
  kernel.attach(() => memory)
  const bytes = new Uint8Array(memory.buffer)
  bytes.set(new TextEncoder().encode('out.txt'))
  const [create, write] = [1, 0x44n]
  const open = kernel.link('wasi_snapshot_preview1', 'path_open')!
  expect(open(3, 1, 0, 7, create, write, 0n, 0, 64)).toBe(0)
  expect(new DataView(memory.buffer).getUint32(64, true)).toBe(4)
  return kernel.save()
}

test('a file that the call under way may have written to is no changed file; one that somebody else wrote to is', () => {
  const state = stateWithOpenFile()
  writeFileSync(join(directory, 'out.txt'), 'written, and the process died before the log knew')
  const restore = () => {
    const host = createTestHost()
    const memoryFileSystem = () => MemoryFileSystem.create(host.clocks.realtime)
    return Kernel.restore(state, { mounts: mounts(), memoryFileSystem, notes: true, replay: true }, host)
  }
  const words = Int32Array.of(4, 0, 0, 0, 1, 0, 64, 0)
  restore().endReplay({ name: 'fd_write', words, note: new Uint8Array(0) })
  expect(() => restore().endReplay()).toThrow(expect.objectContaining({ code: 'STASIS_FILE_CHANGED' }))
})
