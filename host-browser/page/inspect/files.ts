import { StasisError } from '../../../wasm-shim/errors.ts'
import type { OpenFlags } from '../../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../../wasm-shim/wasi/fs/memory.ts'
import { guestPath } from '../../../wasm-shim/wasi/guest-path.ts'
import { decodeState } from '../../../wasm-shim/wasi/saved-state.ts'
import type { FileEntry } from './messages.ts'

/** A page shows so many; whoever has more looks at them with a program. */
const mostEntries = 2000

const clock = () => 0n

/** What lies in a checkpoint's memory directories. */
export function listFiles(kernel: Uint8Array): readonly FileEntry[] {
  const found: FileEntry[] = []
  decodeState(kernel).mounts.forEach((mount, number) => {
    if (mount.content === null) return
    const fs = MemoryFileSystem.restore(mount.content, clock)
    const walk = (directory: string): void => {
      const entries = fs.readdir(directory)
      if (typeof entries === 'number') return
      for (const { name, type } of entries) {
        if (found.length >= mostEntries) return
        const path = directory === '' ? name : `${directory}/${name}`
        const stat = fs.stat(path)
        const kind = type === 'directory' || type === 'symlink' ? type : 'file'
        const size = typeof stat === 'number' ? 0 : Number(stat.size)
        found.push({ mount: number, path: guestPath(mount, path), kind, size })
        if (kind === 'directory') walk(path)
      }
    }
    walk('')
  })
  return found
}

const readOnly: OpenFlags = {
  ...{ read: true, write: false, append: false, create: false, exclusive: false, truncate: false, directory: false },
  ...{ dsync: false, rsync: false, sync: false, nonblock: false },
}

/** `path` is the guest's. Throws STASIS_FILE. */
export function readFile(kernel: Uint8Array, number: number, path: string): Uint8Array {
  const mount = decodeState(kernel).mounts[number]
  const missing = () => new StasisError('STASIS_FILE', `There is no file ${path} in this checkpoint.`, { path })
  if (mount?.content == null) throw missing()
  const fs = MemoryFileSystem.restore(mount.content, clock)
  const inside = path.slice(mount.guest.length).replace(/^\/+/, '')
  const handle = fs.open(inside, readOnly)
  const stat = fs.stat(inside)
  if (typeof handle === 'number' || typeof stat === 'number') throw missing()
  const bytes = new Uint8Array(Number(stat.size))
  for (let at = 0; at < bytes.length; ) {
    const read = handle.read(bytes.subarray(at), at)
    if (read <= 0) throw missing()
    at += read
  }
  handle.close()
  return bytes
}
