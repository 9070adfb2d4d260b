import { Errno } from './errno.ts'
import type { FileStat, FileSystem } from './fs/file-system.ts'

/** More symlinks than this in one path are a loop (ELOOP), as in Linux. */
const maxSymlinks = 40

export interface Resolved {
  /** Relative to the mount's root, without symlinks in any component but perhaps the last, when it was not followed. */
  readonly path: string
  /** The path ended in "/", "." or "..": it can only name a directory. */
  readonly directory: boolean
}

/** Whether a path is what the file system takes already: relative, no empty, "." or ".." component, no trailing "/". */
function isPlain(path: string): boolean {
  let start = 0
  for (;;) {
    const slash = path.indexOf('/', start)
    const end = slash === -1 ? path.length : slash
    const length = end - start
    if (length === 0) return false
    if (path.charCodeAt(start) === 46 && (length === 1 || (length === 2 && path.charCodeAt(start + 1) === 46))) {
      return false
    }
    if (slash === -1) return true
    start = end + 1
  }
}

export const join = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`)

/**
 * The path that a file system may be given at once, without looking at its components, or undefined. The file system
 * follows no symlink, so its answer is the answer, unless `mayBeSymlink`: then `resolve` decides.
 */
export function direct(base: string, path: string): string | undefined {
  return isPlain(path) ? join(base, path) : undefined
}

/** Whether a file system's failure may come from a symlink that it did not follow. */
export function mayBeSymlink(failure: number): boolean {
  return failure === -Errno.ELOOP || failure === -Errno.ENOTDIR || failure === -Errno.ENOTCAPABLE
}

/** ".." above the base, and absolute paths and symlink targets, are EPERM, as in wasmtime. */
const outside = -Errno.EPERM

/**
 * Walks `path` from the directory `base` one component at a time, following symlinks, never above `base`. The last
 * component need not exist and is followed only when asked, or when a trailing slash says that it is a directory. Returns
 * a negated errno for a path that cannot name anything: missing or wrong directories, loops, the way out.
 */
export function resolve(fs: FileSystem, base: string, path: string, follow: boolean): Resolved | number {
  if (path === '') return -Errno.ENOENT
  if (path.startsWith('/')) return outside
  const done: string[] = []
  const rest = path.split('/').reverse()
  let symlinks = 0
  while (rest.length > 0) {
    const name = rest.pop()!
    if (name === '' || name === '.') continue
    if (name === '..') {
      if (done.length === 0) return outside
      done.pop()
      continue
    }
    const here = join(base, [...done, name].join('/'))
    const last = rest.every((component) => component === '')
    const directory = !last || rest.length > 0
    if (last && !follow && !directory) return { path: here, directory }
    const stat = fs.stat(here)
    if (typeof stat === 'number') {
      return last && stat === -Errno.ENOENT ? { path: here, directory } : stat
    }
    if (stat.type === 'symlink') {
      if (++symlinks > maxSymlinks) return -Errno.ELOOP
      const target = fs.readlink(here)
      if (typeof target === 'number') return target
      if (target === '') return -Errno.ENOENT
      if (target.startsWith('/')) return outside
      rest.push(...target.split('/').reverse())
      continue
    }
    if (last) return { path: here, directory }
    if (stat.type !== 'directory') return -Errno.ENOTDIR
    done.push(name)
  }
  return { path: done.length === 0 ? base : join(base, done.join('/')), directory: true }
}

export function statPath(fs: FileSystem, base: string, path: string, follow: boolean): FileStat | number {
  const plain = direct(base, path)
  if (plain !== undefined) {
    const stat = fs.stat(plain)
    if (typeof stat === 'number' ? !mayBeSymlink(stat) : stat.type !== 'symlink' || !follow) return stat
  }
  const resolved = resolve(fs, base, path, follow)
  if (typeof resolved === 'number') return resolved
  const stat = fs.stat(resolved.path)
  return typeof stat !== 'number' && resolved.directory && stat.type !== 'directory' ? -Errno.ENOTDIR : stat
}
