import { type Call, type Context, directoryAt } from '../context.ts'
import { Errno } from '../errno.ts'
import { FdFlags, LookupFlags, OFlags, Rights } from '../flags.ts'
import type { FileHandle, FileStat, FileType, OpenFlags } from '../fs/file-system.ts'
import { direct, mayBeSymlink, resolve } from '../resolve.ts'
import { type DirectoryDescriptor, type KernelState, lowestFree, setDescriptor } from '../state.ts'
import { markChanged, markCreated } from '../written.ts'

/** Bounds the descriptor table; a host runs out of its own descriptors earlier. */
const maxDescriptors = 65_536

export interface Opened {
  readonly opened_fd: number
  readonly mount: number
  /** Where the file is, symlinks resolved. */
  readonly path: string
  readonly type: FileType
  readonly read: boolean
  readonly write: boolean
  readonly flags: number
  /** Of an open that may create, on a mount of the host: whether nothing had the name before. */
  readonly wasAbsent?: boolean | undefined
}

export const hasRight = (rights: bigint, bit: number): boolean => (Number(BigInt.asUintN(30, rights)) & bit) !== 0

export function openFlags(read: boolean, write: boolean, fdflags: number, oflags = 0): OpenFlags {
  return {
    // Neither right is a legitimate way to open; hosts need one.
    read: read || !write,
    write,
    append: (fdflags & FdFlags.append) !== 0,
    create: (oflags & OFlags.creat) !== 0,
    exclusive: (oflags & OFlags.excl) !== 0,
    truncate: (oflags & OFlags.trunc) !== 0,
    directory: false,
    dsync: (fdflags & FdFlags.dsync) !== 0,
    rsync: (fdflags & FdFlags.rsync) !== 0,
    sync: (fdflags & FdFlags.sync) !== 0,
    nonblock: (fdflags & FdFlags.nonblock) !== 0,
  }
}

interface Found {
  readonly path: string
  /** undefined for a directory. */
  readonly handle: FileHandle | undefined
  readonly type: FileType
}

/** Opens one path of a file system, directories included. */
function openPath(
  context: Context,
  base: DirectoryDescriptor,
  path: string,
  follow: boolean,
  flags: OpenFlags,
): Found | number {
  const fs = context.fileSystems[base.mount]!
  const plain = direct(base.path, path)
  if (plain !== undefined) {
    const handle = fs.open(plain, flags)
    if (typeof handle !== 'number') return typed(plain, handle)
    if (!mayBeSymlink(handle)) return handle
  }
  const resolved = resolve(fs, base.path, path, follow)
  if (typeof resolved === 'number') return resolved
  if (resolved.directory) {
    const found = flags.create ? -Errno.EISDIR : openDirectory(context, base, path, follow)
    return typeof found !== 'number' && (flags.write || flags.truncate) ? -Errno.EISDIR : found
  }
  const handle = fs.open(resolved.path, flags)
  return typeof handle === 'number' ? handle : typed(resolved.path, handle)
}

function typed(path: string, handle: FileHandle): Found | number {
  const type = handle.type ?? typeOf(handle.stat())
  if (typeof type === 'string' && type !== 'directory') return { path, handle, type }
  handle.close()
  return typeof type === 'number' ? type : { path, handle: undefined, type: 'directory' }
}

const typeOf = (stat: FileStat | number): FileType | number => (typeof stat === 'number' ? stat : stat.type)

function openDirectory(context: Context, base: DirectoryDescriptor, path: string, follow: boolean): Found | number {
  const fs = context.fileSystems[base.mount]!
  const resolved = resolve(fs, base.path, path, follow)
  if (typeof resolved === 'number') return resolved
  const stat = fs.stat(resolved.path)
  if (typeof stat === 'number') return stat
  if (stat.type === 'symlink') return -Errno.ELOOP
  if (stat.type !== 'directory') return -Errno.ENOTDIR
  return { path: resolved.path, handle: undefined, type: 'directory' }
}

function performOpen(
  context: Context,
  fd: number,
  lookup: number,
  path: string,
  oflags: number,
  rights: bigint,
  _inheriting: bigint,
  fdflags: number,
): Opened | number {
  const base = directoryAt(context, fd)
  if (typeof base === 'number') return base
  if (base.deleted) return -Errno.ENOENT
  const number = lowestFree(context.state)
  if (number >= maxDescriptors) return -Errno.EMFILE
  const read = hasRight(rights, Rights.fd_read)
  const write = hasRight(rights, Rights.fd_write)
  const makes = oflags & (OFlags.creat | OFlags.excl | OFlags.trunc)
  // An exclusive create never follows: the symlink itself is what exists.
  const exclusive = OFlags.creat | OFlags.excl
  const follow = (lookup & LookupFlags.symlink_follow) !== 0 && (oflags & exclusive) !== exclusive
  const isAbsent = mayCreate(context, base, path, oflags)
  let found: Found | number
  if ((oflags & OFlags.directory) !== 0) {
    found = makes !== 0 ? -Errno.EINVAL : openDirectory(context, base, path, follow)
    if (write && typeof found !== 'number') found = -Errno.EISDIR
  } else if (context.state.mounts[base.mount]!.readOnly && (write || makes !== 0)) {
    found = openReadOnly(context, base, path, follow, write || (oflags & OFlags.trunc) !== 0, fdflags)
  } else {
    found = openPath(context, base, path, follow, openFlags(read, write, fdflags, oflags))
  }
  if (typeof found === 'number') return found
  context.handles[number] = found.handle
  const { mount } = base
  const opened = { opened_fd: number, mount, path: found.path, type: found.type, read, write, flags: fdflags }
  const isPlain = found.type === 'file' && found.path === isAbsent?.path
  return isPlain ? { ...opened, wasAbsent: isAbsent.wasAbsent } : opened
}

/**
 * Of an open that may create a file of the host: the path that the parameters name by themselves, and whether nothing is
 * there yet. A replay knows as much from the log, so that its state is the same.
 */
function mayCreate(
  { fileSystems, state }: Context,
  base: DirectoryDescriptor,
  path: string,
  oflags: number,
): { readonly path: string; readonly wasAbsent: boolean } | undefined {
  const mount = state.mounts[base.mount]!
  if ((oflags & OFlags.creat) === 0 || mount.kind !== 'host' || mount.readOnly) return undefined
  const plain = direct(base.path, path)
  if (plain === undefined) return undefined
  if ((oflags & OFlags.excl) !== 0) return { path: plain, wasAbsent: true }
  return { path: plain, wasAbsent: fileSystems[base.mount]!.stat(plain) === -Errno.ENOENT }
}

/** Creating what exists is no change; anything else on a read-only mount is EROFS. */
function openReadOnly(
  context: Context,
  base: DirectoryDescriptor,
  path: string,
  follow: boolean,
  changes: boolean,
  fdflags: number,
): Found | number {
  if (changes) return -Errno.EROFS
  const found = openPath(context, base, path, follow, openFlags(true, false, fdflags))
  return found === -Errno.ENOENT ? -Errno.EROFS : found
}

export const openCalls: Readonly<Record<string, Call>> = {
  path_open: {
    perform: performOpen,
    apply: (state: KernelState, opened: Opened, _fd: number, _lookup: number, _path: string, oflags: number) => {
      const { opened_fd, mount, path, type, read, write, flags } = opened
      setDescriptor(
        state,
        opened_fd,
        type === 'directory'
          ? { kind: 'directory', mount, path, preopen: null, flags, deleted: false, listing: null }
          : { kind: 'file', mount, path, type, read, write, flags, offset: 0, deleted: false },
      )
      if (type === 'directory' || state.mounts[mount]!.readOnly) return
      if (opened.wasAbsent === true) markCreated(state, opened)
      else if ((oflags & OFlags.trunc) !== 0 || ((oflags & OFlags.creat) !== 0 && opened.wasAbsent === undefined))
        markChanged(state, opened)
    },
  },
}
