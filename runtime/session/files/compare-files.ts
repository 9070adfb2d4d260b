import type { CarriedFile, CarriedFiles } from '../../../wasm-shim/wasi/carried.ts'
import type { FileSystem } from '../../../wasm-shim/wasi/fs/file-system.ts'
import { readFile } from './read-file.ts'

/** A file that is not as the checkpoint has it. */
export interface Difference {
  readonly path: string
  readonly kind: 'missing' | 'changed'
}

/**
 * What in a directory is not as a checkpoint has it, of what it carries. Names that the session had removed are not looked
 * at: what stands there now is somebody else's. A file of the same size and time is taken for the same.
 */
export function compareFiles(
  fs: FileSystem,
  files: readonly CarriedFile[],
  contents: CarriedFiles['contents'],
): readonly Difference[] {
  return files.flatMap((file): Difference[] => {
    if (file.state === 'removed') return []
    const stat = fs.stat(file.path)
    if (typeof stat === 'number') return [{ path: file.path, kind: 'missing' }]
    return stat.type === file.type && isSame(fs, file, contents, Number(stat.size), stat.mtim)
      ? []
      : [{ path: file.path, kind: 'changed' }]
  })
}

function isSame(
  fs: FileSystem,
  { path, type, size, mtim, content, target }: CarriedFile,
  contents: CarriedFiles['contents'],
  sizeNow: number,
  mtimNow: bigint,
): boolean {
  if (type === 'symlink') return fs.readlink(path) === target
  if (type !== 'file') return true
  if (sizeNow !== size) return false
  if (mtimNow === mtim) return true
  return content !== null && hasContent(fs, path, contents[content]!)
}

/** Of a file that has the content's size. */
export function hasContent(fs: FileSystem, path: string, content: Uint8Array): boolean {
  const found = readFile(fs, path, content.length)
  return found !== undefined && found.length === content.length && found.every((byte, at) => byte === content[at])
}
