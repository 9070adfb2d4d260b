import { openFlags } from '../../../wasm-shim/wasi/calls/open.ts'
import { OFlags } from '../../../wasm-shim/wasi/flags.ts'
import type { FileSystem } from '../../../wasm-shim/wasi/fs/file-system.ts'

/** The first `size` bytes of a file, fewer where it ends before; undefined where it cannot be read. */
export function readFile(fs: FileSystem, path: string, size: number): Uint8Array | undefined {
  const handle = fs.open(path, openFlags(true, false, 0))
  if (typeof handle === 'number') return undefined
  const bytes = new Uint8Array(size)
  let done = 0
  for (let count = 1; done < size && count > 0; done += Math.max(count, 0))
    count = handle.read(bytes.subarray(done), done)
  handle.close()
  return bytes.subarray(0, done)
}

/** Makes a file, or replaces its content. Zero, or the negated errno that was in the way. */
export function writeFile(fs: FileSystem, path: string, content: Uint8Array): number {
  const handle = fs.open(path, openFlags(false, true, 0, OFlags.creat | OFlags.trunc))
  if (typeof handle === 'number') return handle
  let result = 0
  for (let at = 0; at < content.length && result >= 0; at += result) {
    result = handle.write(content.subarray(at), at)
    if (result === 0) result = -1
  }
  handle.close()
  return Math.min(result, 0)
}
