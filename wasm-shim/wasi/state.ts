import { type CarriedRegion, type GuestState, initialGuestState } from '../guest-abi/state.ts'
import { ClockId } from './flags.ts'
import type { DirectoryEntry, FileType } from './fs/file-system.ts'
import { nothingWritten, type Written } from './written.ts'

/**
 * Everything the kernel knows that is not a capability: plain data, changed by `apply` functions only, so that it is the
 * fold of the calls' outcomes (D7). Open files of the host stand beside it, under the same descriptor numbers.
 */
export interface KernelState {
  readonly args: readonly string[]
  readonly env: readonly (readonly [string, string])[]
  readonly mounts: readonly MountState[]
  /** By descriptor number; null where none is open. The last element is never null. */
  readonly fds: (Descriptor | null)[]
  /**
   * The latest values the guest saw of its clocks, by clock id, in nanoseconds. An array, since a bigint that stays in
   * one need not become an object.
   */
  readonly clocks: BigUint64Array
  /** A poll_oneoff that gave way to a checkpoint and is going to be made again. */
  poll: InterruptedPoll | null
  readonly written: Written
  exitCode: number | null
  readonly guest: GuestState
}

/** Of `KernelState.clocks`. */
export const clockCount: number = Object.keys(ClockId).length

/**
 * `host`: a directory of the host. `overlay`: one that is only read, with the session's own changes kept in the session.
 * `memory`: all of it in the session.
 */
export type MountKind = 'host' | 'overlay' | 'memory'

export interface MountState {
  readonly guest: string
  readonly kind: MountKind
  readonly source: string | null
  readonly readOnly: boolean
}

export interface InterruptedPoll {
  /** The bytes of its subscriptions, by which it is recognised. */
  readonly subscriptions: Uint8Array
  /** Guest-monotonic time at which it was first made: relative timeouts count from here. */
  readonly since: bigint
}

export interface StreamDescriptor {
  readonly kind: 'stream'
  readonly stream: 0 | 1 | 2
  /** fdflags */
  flags: number
}

export interface FileDescriptor {
  readonly kind: 'file'
  readonly mount: number
  /** Relative to the mount's root; follows renames made through this kernel. */
  path: string
  readonly type: FileType
  readonly read: boolean
  readonly write: boolean
  /** fdflags */
  flags: number
  /** Bytes from the start. */
  offset: number
  /** The file's last name known here was removed; it lives on while it is open. */
  deleted: boolean
}

export interface DirectoryDescriptor {
  readonly kind: 'directory'
  readonly mount: number
  path: string
  /** The guest's name of a preopened directory. */
  readonly preopen: string | null
  flags: number
  deleted: boolean
  /** The listing that a walk from cookie 0 began with, until the walk is over. */
  listing: readonly DirectoryEntry[] | null
}

export type Descriptor = StreamDescriptor | FileDescriptor | DirectoryDescriptor

export function initialState(
  args: readonly string[],
  env: readonly (readonly [string, string])[],
  mounts: readonly MountState[],
  carried: readonly CarriedRegion[] = [],
): KernelState {
  return {
    args,
    env,
    mounts,
    fds: [
      { kind: 'stream', stream: 0, flags: 0 },
      { kind: 'stream', stream: 1, flags: 0 },
      { kind: 'stream', stream: 2, flags: 0 },
      ...mounts.map(
        (mount, index): DirectoryDescriptor => ({
          kind: 'directory',
          mount: index,
          path: '',
          preopen: mount.guest,
          flags: 0,
          deleted: false,
          listing: null,
        }),
      ),
    ],
    clocks: new BigUint64Array(clockCount),
    poll: null,
    written: nothingWritten(mounts.length),
    exitCode: null,
    guest: initialGuestState(carried),
  }
}

/** The lowest number that is not open. */
export function lowestFree(state: KernelState): number {
  const free = state.fds.indexOf(null)
  return free === -1 ? state.fds.length : free
}

export function setDescriptor(state: KernelState, fd: number, descriptor: Descriptor | null): void {
  const { fds } = state
  while (fds.length < fd) fds.push(null)
  fds[fd] = descriptor
  while (fds.length > 0 && fds[fds.length - 1] === null) fds.pop()
}

/** Every open descriptor at or below a path of a mount, the path's own included. */
export function* descriptorsBelow(
  state: KernelState,
  mount: number,
  path: string,
): Iterable<FileDescriptor | DirectoryDescriptor> {
  for (const descriptor of state.fds) {
    if (descriptor === null || descriptor.kind === 'stream' || descriptor.mount !== mount || descriptor.deleted)
      continue
    if (descriptor.path === path || descriptor.path.startsWith(`${path}/`)) yield descriptor
  }
}
