import { type Call, type Context, descriptorAt } from '../context.ts'
import { Errno } from '../errno.ts'
import { FdFlags } from '../flags.ts'
import type { FileHandle } from '../fs/file-system.ts'
import { type HostStream, WaitInterrupted } from '../host.ts'
import type { KernelState, StreamDescriptor } from '../state.ts'
import { markWritten } from '../written.ts'

/** Scattered writes up to this many bytes are gathered into one; a longer one is worth a host call per vector. */
const gatherLimit = 65_536
const scratch = new Uint8Array(gatherLimit)

/** Offsets are JavaScript numbers, exact up to 2^53. */
export function toOffset(value: bigint): number | undefined {
  return value <= 9_007_199_254_740_991n ? Number(value) : undefined
}

function writeStream({ memory }: Context, stream: HostStream): number {
  if (memory.vectors === 0) return 0
  if (memory.vectors === 1) return stream.write(memory.vector(0))
  if (memory.total <= gatherLimit) return stream.write(memory.gather(scratch))
  let done = 0
  for (let i = 0; i < memory.vectors; i++) {
    const bytes = memory.vector(i)
    const count = stream.write(bytes)
    if (count < 0) return done > 0 ? done : count
    done += count
    if (count < bytes.length) break
  }
  return done
}

function writeFile({ memory }: Context, handle: FileHandle, position: number): number {
  if (memory.vectors === 0) return 0
  if (memory.vectors === 1) return handle.write(memory.vector(0), position)
  if (memory.total <= gatherLimit) return handle.write(memory.gather(scratch), position)
  let done = 0
  for (let i = 0; i < memory.vectors; i++) {
    const bytes = memory.vector(i)
    const count = handle.write(bytes, position + done)
    if (count < 0) return done > 0 ? done : count
    done += count
    if (count < bytes.length) break
  }
  return done
}

function readFile({ memory }: Context, handle: FileHandle, position: number): number {
  let done = 0
  for (let i = 0; i < memory.vectors; i++) {
    const bytes = memory.vector(i)
    const count = handle.read(bytes, position + done)
    if (count < 0) return done > 0 ? done : count
    done += count
    if (count < bytes.length) break
  }
  return done
}

/** Waits for the first byte, then takes what is there: a short read is an answer, a lost byte is not. */
function readStream(context: Context, descriptor: StreamDescriptor): number {
  const { memory, host } = context
  const stream = context.streams[descriptor.stream]
  if (memory.vectors === 0) return 0
  let done = stream.read(memory.vector(0))
  while (done === undefined) {
    if ((descriptor.flags & FdFlags.nonblock) !== 0) return -Errno.EAGAIN
    if (host.wait({ stdin: true }) === 'interrupted') throw new WaitInterrupted()
    done = stream.read(memory.vector(0))
  }
  let full = done === memory.vector(0).length
  for (let i = 1; i < memory.vectors && full; i++) {
    const bytes = memory.vector(i)
    const count = stream.read(bytes)
    if (count === undefined || count <= 0) break
    done += count
    full = count === bytes.length
  }
  return done
}

/** Outcome of a write: the count, and for append mode where the file then ended, which the count does not tell. */
type Written = number | { readonly nwritten: number; readonly offset: number }

function advance(state: KernelState, count: number, fd: number): void {
  const descriptor = state.fds[fd]
  if (descriptor?.kind === 'file') descriptor.offset += count
}

export const readWriteCalls: Readonly<Record<string, Call>> = {
  fd_write: {
    perform: (context, fd: number): Written => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor === null) return -Errno.EBADF
      if (descriptor.kind === 'stream') {
        return descriptor.stream === 0 ? -Errno.EBADF : writeStream(context, context.streams[descriptor.stream])
      }
      if (descriptor.kind === 'directory' || !descriptor.write) return -Errno.EBADF
      const handle = context.handles[fd]!
      const nwritten = writeFile(context, handle, descriptor.offset)
      if (nwritten <= 0 || (descriptor.flags & FdFlags.append) === 0) return nwritten
      const stat = handle.stat()
      return { nwritten, offset: typeof stat === 'number' ? descriptor.offset + nwritten : Number(stat.size) }
    },
    apply: (state, outcome: Written, fd: number) => {
      if (outcome !== 0) markWritten(state, fd)
      if (typeof outcome === 'number') return advance(state, outcome, fd)
      const descriptor = state.fds[fd]
      if (descriptor?.kind === 'file') descriptor.offset = outcome.offset
    },
  },
  fd_read: {
    perform: (context, fd: number): number => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor === null) return -Errno.EBADF
      if (descriptor.kind === 'stream') return descriptor.stream === 0 ? readStream(context, descriptor) : -Errno.EBADF
      if (descriptor.kind === 'directory' || !descriptor.read) return -Errno.EBADF
      return readFile(context, context.handles[fd]!, descriptor.offset)
    },
    apply: advance,
  },
  fd_pwrite: {
    perform: (context, fd: number, offset: bigint): number => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor?.kind === 'stream' && descriptor.stream !== 0) return -Errno.ESPIPE
      if (descriptor?.kind !== 'file' || !descriptor.write) return -Errno.EBADF
      const position = toOffset(offset)
      if (position === undefined) return -Errno.EFBIG
      const handle = context.handles[fd]!
      if ((descriptor.flags & FdFlags.append) === 0) return writeFile(context, handle, position)
      // As in wasmtime and POSIX, and unlike Linux, a given position counts in append mode too.
      handle.setAppend(false)
      const count = writeFile(context, handle, position)
      handle.setAppend(true)
      return count
    },
    apply: (state, count: number, fd: number) => {
      if (count > 0) markWritten(state, fd)
    },
  },
  fd_pread: {
    perform: (context, fd: number, offset: bigint): number => {
      const descriptor = descriptorAt(context, fd)
      if (descriptor?.kind === 'stream' && descriptor.stream === 0) return -Errno.ESPIPE
      if (descriptor?.kind !== 'file' || !descriptor.read) return -Errno.EBADF
      const position = toOffset(offset)
      return position === undefined ? 0 : readFile(context, context.handles[fd]!, position)
    },
  },
}
