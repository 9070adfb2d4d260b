/**
 * How the paths of a mount become paths that node:fs may be given without leaving the mount. Paths are those of
 * wasm-shim/wasi/fs/file-system.ts. A symlink among a path's earlier components is ENOTCAPABLE, since only the kernel's
 * resolver follows symlinks.
 */
import { openSync } from 'node:fs'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { attempt } from '../errno.ts'

export interface Locator {
  /** Opens what the path names, with these bits and O_NOFOLLOW: a file descriptor or a failure. */
  open(path: string, bits: number): number
  /** A host path for one call of node:fs that does not follow its last component. */
  entry(path: string): string | number
  /** A host path that leads to the directory itself, for one call. */
  directory(path: string): string | number
  /**
   * A host path that leads to the same if nobody has swapped a component: what is found there counts only if it is
   * recognised. Undefined where there is no quicker way than `entry`.
   */
  shortcut(path: string): string | undefined
  close(): void
}

export interface SplitPath {
  /** "" for the root. */
  readonly parent: string
  readonly name: string
}

export function splitPath(path: string): SplitPath {
  const slash = path.lastIndexOf('/')
  // An absolute path has an empty first component, which is no name.
  if (slash === 0) return { parent: '', name: '' }
  return slash < 0 ? { parent: '', name: path } : { parent: path.slice(0, slash), name: path.slice(slash + 1) }
}

/** 0 or -EINVAL. The kernel never sends such names; one that got through would lead out of its directory. */
export function checkEntryName(name: string): number {
  return name === '' || name === '.' || name === '..' ? -Errno.EINVAL : 0
}

/**
 * A file descriptor or a failure. Programs look for files by opening them in one place after the other, and most of
 * what a failing call of node:fs costs is the stack trace of its error, which nobody sees.
 */
export function tryOpen(hostPath: string, bits: number): number {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return attempt(() => openSync(hostPath, bits, 0o666))
  } finally {
    Error.stackTraceLimit = limit
  }
}
