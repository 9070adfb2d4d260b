import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '../../host-node/directory.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { OverlayFileSystem } from '../../wasm-shim/wasi/fs/overlay.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'
import { Guest, memoryMount } from './guest.ts'

/** The kernel's rules hold whatever is mounted: tests that use these run on every kind. */
export const mountKinds = ['memory', 'host', 'overlay'] as const

/** A guest with an empty mount of that kind as descriptor 3; `dispose` removes what it left. */
export function startOn(kind: (typeof mountKinds)[number]): { guest: Guest; mount: Mount; dispose: () => void } {
  const host = createTestHost()
  if (kind === 'memory') {
    const mount = memoryMount(MemoryFileSystem.create(() => host.clocks.realtime()))
    return { guest: new Guest(Kernel.create({ args: [], env: [], mounts: [mount] }, host)), mount, dispose: () => {} }
  }
  const source = mkdtempSync(join(tmpdir(), 'stasis-wasi-'))
  const fs =
    kind === 'host'
      ? openDirectory(source)
      : OverlayFileSystem.create(openDirectory(source, { readOnly: true }), () => host.clocks.realtime())
  const mount: Mount = { guest: '/', fs, kind, source, readOnly: false }
  const guest = new Guest(Kernel.create({ args: [], env: [], mounts: [mount] }, host))
  return { guest, mount, dispose: () => rmSync(source, { recursive: true, force: true }) }
}
