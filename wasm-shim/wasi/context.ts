import { Errno } from './errno.ts'
import type { FileHandle, FileSystem } from './fs/file-system.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { Host, HostClocks, HostStream } from './host.ts'
import type { Descriptor, DirectoryDescriptor, FileDescriptor, KernelState } from './state.ts'

/**
 * What a `perform` function is given: the state to look at, and the capabilities. It is the only part of a call that
 * touches the host, and it does not change the state: that is what `apply` does with its outcome.
 */
export interface Context {
  readonly state: KernelState
  readonly host: Host
  /** The host's, one step nearer: programs ask for the time more often than for anything else. */
  readonly clocks: HostClocks
  readonly streams: readonly [HostStream, HostStream, HostStream]
  readonly memory: GuestMemory
  /** By mount number; undefined for one that a restored session does not use any more. */
  readonly fileSystems: readonly (FileSystem | undefined)[]
  /** Open files by descriptor number; directories have none. */
  readonly handles: (FileHandle | undefined)[]
  /** What to add to the host's clocks to get the guest's. */
  readonly clockOffsets: { readonly moved: boolean; readonly monotonic: bigint; readonly cpu: bigint }
}

/** A negated errno where a result was expected. */
export type Failed = number

/**
 * One call: `perform` asks the host, `apply` changes the state, both given the decoded parameters by position. An outcome
 * below zero is a negated errno and changes nothing; otherwise it holds the results by name, or is the one result.
 */
export interface Call {
  readonly perform: (context: Context, ...params: never[]) => unknown
  readonly apply?: (state: KernelState, outcome: never, ...params: never[]) => void
}

export function descriptorAt(context: Context, fd: number): Descriptor | null {
  return context.state.fds[fd] ?? null
}

export function directoryAt(context: Context, fd: number): DirectoryDescriptor | Failed {
  const descriptor = descriptorAt(context, fd)
  if (descriptor === null || descriptor.kind === 'stream') return -Errno.EBADF
  return descriptor.kind === 'directory' ? descriptor : -Errno.ENOTDIR
}

/** The file behind a descriptor; directories and streams are EBADF, as in wasmtime. */
export function fileAt(context: Context, fd: number): FileDescriptor | Failed {
  const descriptor = descriptorAt(context, fd)
  return descriptor?.kind === 'file' ? descriptor : -Errno.EBADF
}

/**
 * The guest's monotonic clock now: the host's, moved once, when the session was restored, to where the checkpoint's was. It
 * never runs back, since the host's does not.
 */
export function guestMonotonic({ clocks, clockOffsets }: Context): bigint {
  const now = clocks.monotonic()
  return clockOffsets.moved ? now + clockOffsets.monotonic : now
}

export function guestCpu({ clocks, clockOffsets }: Context): bigint {
  const now = clocks.cpuTime()
  return clockOffsets.moved ? now + clockOffsets.cpu : now
}
