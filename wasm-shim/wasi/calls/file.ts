import { type Call, type Context, descriptorAt, fileAt } from '../context.ts'
import { Errno } from '../errno.ts'
import { FileTypeNumber, FstFlags } from '../flags.ts'
import type { FileStat } from '../fs/file-system.ts'
import { markWritten } from '../written.ts'
import { streamType } from './descriptor.ts'
import { openFlags } from './open.ts'
import { toOffset } from './read-write.ts'

/** The record `filestat` of a host's stat. */
export function filestat(stat: FileStat | number) {
  if (typeof stat === 'number') return stat
  const { dev, ino, type, nlink, size, atim, mtim, ctim } = stat
  return { dev, ino, filetype: FileTypeNumber[type], nlink, size, atim, mtim, ctim }
}

interface Times {
  /** Nanoseconds since the epoch, or undefined to leave that time alone. */
  readonly atim: bigint | undefined
  readonly mtim: bigint | undefined
}

/** The times that the flags select: given, now, or neither. A time both given and now is EINVAL. */
export function timesOf(context: Context, atim: bigint, mtim: bigint, flags: number): Times | number {
  const has = (bit: number) => (flags & bit) !== 0
  if (flags > 15 || (has(FstFlags.atim) && has(FstFlags.atim_now)) || (has(FstFlags.mtim) && has(FstFlags.mtim_now))) {
    return -Errno.EINVAL
  }
  const now = has(FstFlags.atim_now) || has(FstFlags.mtim_now) ? context.host.clocks.realtime() : 0n
  return {
    atim: has(FstFlags.atim) ? atim : has(FstFlags.atim_now) ? now : undefined,
    mtim: has(FstFlags.mtim) ? mtim : has(FstFlags.mtim_now) ? now : undefined,
  }
}

function sync(context: Context, fd: number, dataOnly: boolean): number {
  const descriptor = descriptorAt(context, fd)
  if (descriptor === null) return -Errno.EBADF
  if (descriptor.kind === 'stream') return -Errno.EINVAL
  if (descriptor.kind === 'file') return context.handles[fd]!.sync(dataOnly)
  // Directories are not kept open.
  const flags = { ...openFlags(true, false, 0), directory: true }
  const handle = context.fileSystems[descriptor.mount]!.open(descriptor.path, flags)
  if (typeof handle === 'number') return handle
  const result = handle.sync(dataOnly)
  handle.close()
  return result
}

export const fileCalls: Readonly<Record<string, Call>> = {
  fd_sync: { perform: (context, fd: number) => sync(context, fd, false) },
  fd_datasync: { perform: (context, fd: number) => sync(context, fd, true) },
  fd_filestat_get: {
    perform: (context, fd: number) => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor === null) return -Errno.EBADF
      if (descriptor.kind === 'file') return filestat(context.handles[fd]!.stat())
      if (descriptor.kind === 'directory') {
        return descriptor.deleted
          ? -Errno.ENOENT
          : filestat(context.fileSystems[descriptor.mount]!.stat(descriptor.path))
      }
      // Fields that are missing are written as zero.
      return { filetype: FileTypeNumber[streamType(context.streams[descriptor.stream])] }
    },
  },
  fd_filestat_set_size: {
    perform: (context, fd: number, size: bigint) => {
      const file = fileAt(context, fd)
      if (typeof file === 'number') return file
      if (!file.write) return -Errno.EINVAL
      const bytes = toOffset(size)
      return bytes === undefined ? -Errno.EFBIG : context.handles[fd]!.truncate(bytes)
    },
    apply: (state, _: number, fd: number) => markWritten(state, fd),
  },
  fd_filestat_set_times: {
    perform: (context, fd: number, atim: bigint, mtim: bigint, flags: number) => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor === null || descriptor.kind === 'stream') return -Errno.EBADF
      const times = timesOf(context, atim, mtim, flags)
      if (typeof times === 'number') return times
      if (context.state.mounts[descriptor.mount]!.readOnly) return -Errno.EROFS
      if (descriptor.kind === 'file') return context.handles[fd]!.setTimes(times.atim, times.mtim)
      return context.fileSystems[descriptor.mount]!.setTimes(descriptor.path, times.atim, times.mtim)
    },
    apply: (state, _: number, fd: number) => markWritten(state, fd),
  },
  fd_allocate: {
    perform: (context, fd: number, offset: bigint, length: bigint) => {
      const file = fileAt(context, fd)
      if (typeof file === 'number') return file
      if (!file.write) return -Errno.EBADF
      if (length === 0n) return -Errno.EINVAL
      return toOffset(offset + length) === undefined
        ? -Errno.EFBIG
        : context.handles[fd]!.allocate(Number(offset), Number(length))
    },
    apply: (state, _: number, fd: number) => markWritten(state, fd),
  },
}
