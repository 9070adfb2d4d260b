import { StasisError } from '../../../wasm-shim/errors.ts'
import type { CarriedFile, CarriedFiles } from '../../../wasm-shim/wasi/carried.ts'
import { Errno } from '../../../wasm-shim/wasi/errno.ts'
import type { FileSystem } from '../../../wasm-shim/wasi/fs/file-system.ts'
import { hasContent } from './compare-files.ts'
import { leavesMount } from './leaves-mount.ts'
import { writeFile } from './read-file.ts'

export interface RestoredFiles {
  written: number
  removed: number
}

/**
 * Makes a directory as a checkpoint has it: what the session had written gets its content again, `removed` (paths, of what
 * it made later or had removed) goes away. `fs` follows no symlink, so that no path leaves it. Throws StasisError
 * STASIS_FILE_UNWRITABLE, with the files before that one put back.
 */
export function putBack(
  fs: FileSystem,
  files: readonly CarriedFile[],
  contents: CarriedFiles['contents'],
  removed: readonly string[],
  restored: RestoredFiles,
): void {
  // Innermost first.
  for (const path of [...removed].sort().reverse()) if (remove(fs, path)) restored.removed++
  const first = new Map<number, string>()
  const there = files.filter(({ state, type }) => state !== 'removed' && type !== 'unknown')
  for (const file of there) {
    const result = makeParents(fs, file.path) || put(fs, file, contents, first)
    if (result < 0) throw unwritable(file.path, result)
    if (result > 0) restored.written++
  }
  for (const { path, mtim, type, content } of there) {
    if (type === 'directory' || content !== null) fs.setTimes(path, undefined, mtim)
  }
}

function remove(fs: FileSystem, path: string): boolean {
  const stat = fs.stat(path)
  if (typeof stat === 'number') return false
  return (stat.type === 'directory' ? fs.rmdir(path) : fs.unlink(path)) >= 0
}

function makeParents(fs: FileSystem, path: string): number {
  const components = path.split('/')
  for (let depth = 1; depth < components.length; depth++) {
    const result = fs.mkdir(components.slice(0, depth).join('/'))
    if (result < 0 && result !== -Errno.EEXIST) return result
  }
  return 0
}

/** 1 where something was changed, 0 where it is right already, or a negated errno. */
function put(
  fs: FileSystem,
  { path, type, content, target }: CarriedFile,
  contents: CarriedFiles['contents'],
  first: Map<number, string>,
): number {
  const stat = fs.stat(path)
  const now = typeof stat === 'number' ? undefined : stat
  if (type === 'directory') {
    if (now?.type === 'directory') return 0
    return clear(fs, path, now !== undefined) || changed(fs.mkdir(path))
  }
  if (type === 'symlink') {
    if (now?.type === 'symlink' && fs.readlink(path) === target) return 0
    if (target === null || leavesMount(path, target)) return -Errno.EPERM
    return clear(fs, path, now !== undefined) || changed(fs.symlink(target, path))
  }
  // Too large to be carried, and only read: it is as it is, or missing, which opening it will tell.
  if (content === null) return 0
  const bytes = contents[content]!
  const same = first.get(content)
  if (same === undefined) first.set(content, path)
  const isFile = now?.type === 'file'
  if (isFile && Number(now.size) === bytes.length && hasContent(fs, path, bytes)) return 0
  if (!isFile) {
    const cleared = clear(fs, path, now !== undefined)
    if (cleared < 0) return cleared
    if (same !== undefined && fs.link(same, path) === 0) return 1
  }
  return changed(writeFile(fs, path, bytes))
}

const changed = (result: number): number => (result < 0 ? result : 1)

/** Something else has the name. A directory goes only when it is empty. */
function clear(fs: FileSystem, path: string, isThere: boolean): number {
  if (!isThere) return 0
  const result = fs.unlink(path)
  return result === -Errno.EISDIR ? fs.rmdir(path) : result
}

function unwritable(path: string, failure: number): StasisError {
  const message = `The file ${path} cannot be put back (errno ${-failure}). Files that come after it are as they were; make it possible, or restore with --files keep.`
  return new StasisError('STASIS_FILE_UNWRITABLE', message, { path, errno: -failure })
}
