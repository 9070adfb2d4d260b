import { type Call, type Context, descriptorAt, fileAt } from '../context.ts'
import { Errno } from '../errno.ts'
import { allRights, FdFlags, FileTypeNumber, Rights, Whence } from '../flags.ts'
import type { FileType } from '../fs/file-system.ts'
import type { HostStream } from '../host.ts'
import { type DirectoryDescriptor, type FileDescriptor, type KernelState, setDescriptor } from '../state.ts'

const streamTypes: Readonly<Record<HostStream['kind'], FileType>> = {
  tty: 'character',
  file: 'file',
  // Preview1 has no number for a pipe, and guests take a character device without seek for a terminal.
  pipe: 'unknown',
  null: 'unknown',
}

export function streamType(stream: HostStream): FileType {
  return streamTypes[stream.kind]
}

const fileOnly = Rights.fd_seek | Rights.fd_filestat_set_size | Rights.path_filestat_set_size

/** What wasmtime reports. wasi-libc takes a descriptor that cannot seek or tell, of type character, for a terminal. */
function rightsOf(descriptor: FileDescriptor | DirectoryDescriptor): number {
  if (descriptor.kind === 'directory') {
    return (
      allRights & ~fileOnly & ~(descriptor.preopen === null ? 0 : Rights.fd_read | Rights.fd_tell) & ~Rights.fd_write
    )
  }
  return (
    allRights &
    ~(descriptor.read ? 0 : Rights.fd_read | Rights.fd_readdir) &
    ~(descriptor.write ? 0 : Rights.fd_write | Rights.fd_allocate | Rights.fd_filestat_set_size)
  )
}

function fdstat(context: Context, fd: number) {
  const descriptor = descriptorAt(context, fd)
  if (descriptor === null) return -Errno.EBADF
  if (descriptor.kind === 'stream') {
    const rights =
      (descriptor.stream === 0 ? Rights.fd_read : Rights.fd_write) |
      Rights.fd_fdstat_set_flags |
      Rights.fd_filestat_get |
      Rights.poll_fd_readwrite
    const type = streamType(context.streams[descriptor.stream])
    return { filetype: FileTypeNumber[type], flags: descriptor.flags, rights_base: rights, rights_inheriting: rights }
  }
  const rights = rightsOf(descriptor)
  return {
    filetype: descriptor.kind === 'directory' ? FileTypeNumber.directory : FileTypeNumber[descriptor.type],
    flags: descriptor.flags,
    rights_base: rights,
    // Guests ask for no more than a directory lets them inherit, so it must offer everything.
    rights_inheriting: descriptor.kind === 'directory' ? allRights : rights,
  }
}

const encoder = new TextEncoder()

export const descriptorCalls: Readonly<Record<string, Call>> = {
  fd_close: {
    perform: (context, fd: number) => {
      if (descriptorAt(context, fd) === null) return -Errno.EBADF
      context.handles[fd]?.close()
      context.handles[fd] = undefined
      return 0
    },
    apply: (state, _: number, fd: number) => setDescriptor(state, fd, null),
  },
  fd_renumber: {
    perform: (context, from: number, to: number) => {
      if (descriptorAt(context, from) === null || descriptorAt(context, to) === null) return -Errno.EBADF
      if (from === to) return 0
      context.handles[to]?.close()
      context.handles[to] = context.handles[from]
      context.handles[from] = undefined
      return 0
    },
    apply: (state: KernelState, _: number, from: number, to: number) => {
      if (from === to) return
      setDescriptor(state, to, state.fds[from] ?? null)
      setDescriptor(state, from, null)
    },
  },
  fd_fdstat_get: { perform: fdstat },
  fd_fdstat_set_flags: {
    perform: (context, fd: number, flags: number) => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor === null || descriptor.kind === 'directory') return -Errno.EBADF
      if ((flags & ~(FdFlags.append | FdFlags.nonblock)) !== 0) return -Errno.EINVAL
      if (descriptor.kind === 'stream') return 0
      return context.handles[fd]!.setAppend((flags & FdFlags.append) !== 0)
    },
    apply: (state, _: number, fd: number, flags: number) => {
      const descriptor = state.fds[fd]
      if (descriptor) descriptor.flags = flags
    },
  },
  fd_fdstat_set_rights: {
    perform: (context, fd: number) => (descriptorAt(context, fd) === null ? -Errno.EBADF : -Errno.ENOTSUP),
  },
  fd_prestat_get: {
    perform: (context, fd: number) => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor?.kind !== 'directory' || descriptor.preopen === null) return -Errno.EBADF
      return { tag: 0, name_len: encoder.encode(descriptor.preopen).length }
    },
  },
  fd_prestat_dir_name: {
    perform: (context, fd: number, target: Uint8Array) => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor === null) return -Errno.EBADF
      if (descriptor.kind !== 'directory' || descriptor.preopen === null) return -Errno.ENOTDIR
      const name = encoder.encode(descriptor.preopen)
      if (name.length > target.length) return -Errno.ENAMETOOLONG
      target.set(name)
      return 0
    },
  },
  fd_seek: {
    perform: (context, fd: number, offset: bigint, whence: number) => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor?.kind === 'stream') return -Errno.ESPIPE
      if (descriptor?.kind !== 'file') return -Errno.EBADF
      let start = 0
      if (whence === Whence.cur) start = descriptor.offset
      else if (whence === Whence.end) {
        const stat = context.handles[fd]!.stat()
        if (typeof stat === 'number') return stat
        start = Number(stat.size)
      } else if (whence !== Whence.set) return -Errno.EINVAL
      // Beyond 2^53 a number is inexact, but then the sum is out of range either way.
      const target = start + Number(offset)
      return target < 0 || target > Number.MAX_SAFE_INTEGER ? -Errno.EINVAL : target
    },
    apply: (state, offset: number, fd: number) => {
      const descriptor = state.fds[fd]
      if (descriptor?.kind === 'file') descriptor.offset = offset
    },
  },
  fd_tell: {
    perform: (context, fd: number) => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor?.kind === 'stream') return -Errno.ESPIPE
      return descriptor?.kind === 'file' ? descriptor.offset : -Errno.EBADF
    },
  },
  fd_advise: {
    perform: (context, fd: number, _offset: bigint, _length: bigint, advice: number) => {
      const file = fileAt(context, fd)
      return typeof file === 'number' ? file : advice > 5 ? -Errno.EINVAL : 0
    },
  },
}
