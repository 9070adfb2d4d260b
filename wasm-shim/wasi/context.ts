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
  /** The guest's: the host's own, or moved to go on where a checkpoint's were. */
  clocks: HostClocks
  readonly streams: readonly [HostStream, HostStream, HostStream]
  readonly memory: GuestMemory
  /** By mount number; undefined for one that a restored session does not use any more. */
  readonly fileSystems: readonly (FileSystem | undefined)[]
  /** Open files by descriptor number; directories have none. */
  readonly handles: (FileHandle | undefined)[]
  /** How `stasis.checkpoint` is answered; undefined from it: the call gives way to the checkpoint that it asks for. */
  readonly ownCheckpoint?: (() => number | undefined) | undefined
  /** What a call log is to keep of the call that was made last (recovery/note.ts). */
  note: Uint8Array | undefined
  /** Deleted files made again so far: each is a device of its own, so that no two are taken for one. */
  orphans: number
}

// biome-ignore lint/suspicious/noExplicitAny: parameters are those of the call's row, and checked by its tests
export type Perform = (context: Context, ...params: any[]) => any

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
 * The host's clocks, moved once, when a session is restored, to where the checkpoint's monotonic clock and processor time
 * were. They never run back, since the host's do not.
 */
export function movedClocks(
  clocks: HostClocks,
  from: { readonly monotonic: bigint; readonly cpu: bigint },
): HostClocks {
  const monotonic = from.monotonic - clocks.monotonic()
  const cpu = from.cpu - clocks.cpuTime()
  return {
    realtime: clocks.realtime,
    monotonic: () => clocks.monotonic() + monotonic,
    cpuTime: () => clocks.cpuTime() + cpu,
    resolution: clocks.resolution,
  }
}
