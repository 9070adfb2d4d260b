import { type Call, type Context, directoryAt } from '../context.ts'
import { Errno } from '../errno.ts'
import { LookupFlags } from '../flags.ts'
import type { FileSystem } from '../fs/file-system.ts'
import { type Resolved, resolve, statPath } from '../resolve.ts'
import { descriptorsBelow, type KernelState } from '../state.ts'
import { markChanged, markCreated, markRemoved, markRenamed } from '../written.ts'
import { filestat, timesOf } from './file.ts'

const encoder = new TextEncoder()

/** A path on its way to a file system. */
interface Place extends Resolved {
  readonly mount: number
  readonly fs: FileSystem
}

/** Resolves a guest's path below a descriptor. `changes` refuses what a read-only mount does not allow. */
export function place(context: Context, fd: number, path: string, follow: boolean, changes: boolean): Place | number {
  const base = directoryAt(context, fd)
  if (typeof base === 'number') return base
  if (base.deleted) return -Errno.ENOENT
  const fs = context.fileSystems[base.mount]!
  const resolved = resolve(fs, base.path, path, follow)
  if (typeof resolved === 'number') return resolved
  if (changes && context.state.mounts[base.mount]!.readOnly) return -Errno.EROFS
  return { ...resolved, mount: base.mount, fs }
}

/** The name itself, to create, remove or rename: a trailing slash does not follow a symlink, it only says "directory". */
export function nameOf(context: Context, fd: number, path: string): Place | number {
  const end = path.search(/\/+$/)
  if (end <= 0) return place(context, fd, path, false, true)
  const found = place(context, fd, path.slice(0, end), false, true)
  return typeof found === 'number' ? found : { ...found, directory: true }
}

const isDirectory = ({ fs, path }: Place): boolean => {
  const stat = fs.stat(path)
  return typeof stat !== 'number' && stat.type === 'directory'
}

const followFlag = (lookup: number) => (lookup & LookupFlags.symlink_follow) !== 0

/** The outcome of making, changing or removing a name: where it is, symlinks resolved. */
export interface Named {
  readonly mount: number
  readonly path: string
}

function markDeleted(state: KernelState, { mount, path }: Named): void {
  for (const descriptor of descriptorsBelow(state, mount, path)) descriptor.deleted = true
}

interface Renamed {
  readonly from: Named
  readonly to: Named
  /** Whether `to` named anything. */
  readonly existed: boolean
}

function rename(context: Context, fd: number, oldPath: string, newFd: number, newPath: string): Renamed | number {
  const from = nameOf(context, fd, oldPath)
  if (typeof from === 'number') return from
  const to = nameOf(context, newFd, newPath)
  if (typeof to === 'number') return to
  if (from.mount !== to.mount) return -Errno.EXDEV
  if (from.path === '' || to.path === '') return -Errno.EBUSY
  const stat = from.fs.stat(from.path)
  if (typeof stat === 'number') return stat
  if ((from.directory || to.directory) && stat.type !== 'directory') return -Errno.ENOTDIR
  const replaced = from.fs.stat(to.path)
  const result = from.fs.rename(from.path, to.path)
  if (result < 0) return result
  // POSIX: two links to one file stay as they are.
  const same = typeof replaced !== 'number' && replaced.ino === stat.ino && replaced.dev === stat.dev
  const source = { mount: from.mount, path: from.path }
  const existed = typeof replaced !== 'number'
  return { from: source, to: same ? source : { mount: to.mount, path: to.path }, existed }
}

function applyRename(state: KernelState, { from, to, existed }: Renamed): void {
  if (from.path === to.path) return
  markRenamed(state, from, to, existed)
  markDeleted(state, to)
  for (const descriptor of descriptorsBelow(state, from.mount, from.path)) {
    descriptor.path = to.path + descriptor.path.slice(from.path.length)
  }
}

/** Creates one name that must not exist; a trailing slash is wrong for all but directories. */
function create(context: Context, fd: number, path: string, make: (at: Place) => number): Named | number {
  const at = nameOf(context, fd, path)
  if (typeof at === 'number') return at
  const result = make(at)
  return result < 0 ? result : { mount: at.mount, path: at.path }
}

function applyRemove(state: KernelState, removed: Named): void {
  markDeleted(state, removed)
  markRemoved(state, removed)
}

export const pathCalls: Readonly<Record<string, Call>> = {
  path_filestat_get: {
    perform: (context, fd: number, lookup: number, path: string) => {
      const base = directoryAt(context, fd)
      if (typeof base === 'number') return base
      if (base.deleted) return -Errno.ENOENT
      return filestat(statPath(context.fileSystems[base.mount]!, base.path, path, followFlag(lookup)))
    },
  },
  path_filestat_set_times: {
    perform: (context, fd: number, lookup: number, path: string, atim: bigint, mtim: bigint, flags: number) => {
      const at = place(context, fd, path, followFlag(lookup), true)
      if (typeof at === 'number') return at
      const times = timesOf(context, atim, mtim, flags)
      if (typeof times === 'number') return times
      if (at.directory && !isDirectory(at)) return -Errno.ENOTDIR
      const result = at.fs.setTimes(at.path, times.atim, times.mtim)
      return result < 0 ? result : { mount: at.mount, path: at.path }
    },
    apply: markChanged,
  },
  path_readlink: {
    perform: (context, fd: number, path: string, target: Uint8Array) => {
      const at = place(context, fd, path, false, false)
      if (typeof at === 'number') return at
      const text = at.fs.readlink(at.path)
      if (typeof text === 'number') return text
      const bytes = encoder.encode(text)
      const count = Math.min(bytes.length, target.length)
      target.set(bytes.subarray(0, count))
      return count
    },
  },
  path_create_directory: {
    perform: (context, fd: number, path: string) =>
      create(context, fd, path, (at) => (at.path === '' ? -Errno.EEXIST : at.fs.mkdir(at.path))),
    apply: (state, made: Named) => markCreated(state, made, true),
  },
  path_symlink: {
    perform: (context, target: string, fd: number, path: string) => {
      if (target === '') return -Errno.ENOENT
      if (target.startsWith('/')) return -Errno.EPERM
      return create(context, fd, path, (at) => {
        if (!at.directory) return at.fs.symlink(target, at.path)
        const stat = at.fs.stat(at.path)
        if (typeof stat === 'number') return stat
        return stat.type === 'directory' ? -Errno.EEXIST : -Errno.ENOTDIR
      })
    },
    apply: (state, made: Named) => markCreated(state, made),
  },
  path_link: {
    perform: (context, fd: number, lookup: number, oldPath: string, newFd: number, newPath: string) => {
      const from = place(context, fd, oldPath, followFlag(lookup), true)
      if (typeof from === 'number') return from
      const to = nameOf(context, newFd, newPath)
      if (typeof to === 'number') return to
      if (from.mount !== to.mount) return -Errno.EXDEV
      const stat = from.fs.stat(from.path)
      if (typeof stat === 'number') return stat
      if (stat.type === 'directory') return -Errno.EPERM
      if (from.directory) return -Errno.ENOTDIR
      if (to.directory) return isDirectory(to) ? -Errno.EEXIST : -Errno.ENOENT
      const result = from.fs.link(from.path, to.path)
      return result < 0 ? result : { mount: to.mount, path: to.path }
    },
    apply: (state, made: Named) => markCreated(state, made),
  },
  path_rename: { perform: rename, apply: applyRename },
  path_unlink_file: {
    perform: (context, fd: number, path: string): Named | number => {
      const at = nameOf(context, fd, path)
      if (typeof at === 'number') return at
      if (at.directory) {
        const stat = at.fs.stat(at.path)
        if (typeof stat === 'number') return stat
        return stat.type === 'directory' ? -Errno.EISDIR : -Errno.ENOTDIR
      }
      const result = at.fs.unlink(at.path)
      return result < 0 ? result : { mount: at.mount, path: at.path }
    },
    apply: applyRemove,
  },
  path_remove_directory: {
    perform: (context, fd: number, path: string): Named | number => {
      // POSIX: rmdir of "." is EINVAL.
      if (/(^|\/)\.\/*$/.test(path)) return -Errno.EINVAL
      const at = nameOf(context, fd, path)
      if (typeof at === 'number') return at
      if (at.path === '') return -Errno.EBUSY
      const result = at.fs.rmdir(at.path)
      return result < 0 ? result : { mount: at.mount, path: at.path }
    },
    apply: applyRemove,
  },
}
