import type { CarriedFiles } from './carried.ts'
import { FdFlags } from './flags.ts'
import type { FileType } from './fs/file-system.ts'
import { guestPath } from './guest-path.ts'
import { maxOrphan } from './save.ts'
import { decodeState } from './saved-state.ts'
import type { Descriptor, MountState } from './state.ts'

export interface DescriptorSummary {
  readonly fd: number
  readonly type: FileType | 'stdin' | 'stdout' | 'stderr'
  /** The guest's name; absent for standard streams. */
  readonly path?: string
  /** Bytes; files only. */
  readonly offset?: number
  /** Names of what it was opened for: read, write, append, nonblock, ... */
  readonly flags: readonly string[]
  readonly moves: 'moves' | 'moves if granted' | 'does not move'
  readonly because: string
}

const streamNames = ['stdin', 'stdout', 'stderr'] as const

const flagNames = (flags: number) =>
  Object.entries(FdFlags)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name)

/** One line of `inspect`. `size` of a deleted file decides whether it can travel. */
export function describeDescriptor(
  fd: number,
  descriptor: Descriptor,
  mounts: readonly MountState[],
  size = 0n,
): DescriptorSummary {
  if (descriptor.kind === 'stream') {
    return {
      fd,
      type: streamNames[descriptor.stream],
      flags: flagNames(descriptor.flags),
      moves: 'moves if granted',
      because: 'it is the terminal, pipe or file of whoever runs the session',
    }
  }
  const mount = mounts[descriptor.mount]!
  const path = guestPath(mount, descriptor.path)
  const moving = movement(descriptor, mount, size)
  if (descriptor.kind === 'directory') {
    return { fd, type: 'directory', path, flags: descriptor.preopen === null ? [] : ['preopen'], ...moving }
  }
  const { type, offset, read, write, flags } = descriptor
  const names = [...(read ? ['read'] : []), ...(write ? ['write'] : []), ...flagNames(flags)]
  return { fd, type, path, offset, flags: names, ...moving }
}

function movement(
  descriptor: Exclude<Descriptor, { kind: 'stream' }>,
  mount: MountState,
  size: bigint,
): Pick<DescriptorSummary, 'moves' | 'because'> {
  if (mount.kind === 'memory') return moving
  if (mount.kind === 'overlay') {
    const because = `it lies above the host's directory ${mount.source ?? mount.guest}, and what was changed moves`
    return { moves: 'moves if granted', because }
  }
  if (descriptor.kind === 'file' && descriptor.deleted) {
    return size > maxOrphan
      ? { moves: 'does not move', because: `it was deleted and is larger than ${maxOrphan} bytes` }
      : { moves: 'moves', because: 'it was deleted, so its content is part of the checkpoint' }
  }
  if (descriptor.kind === 'file' && descriptor.type !== 'file') {
    return { moves: 'moves if granted', because: `it is a ${descriptor.type} of the host, opened again by name` }
  }
  return { moves: 'moves if granted', because: `it lies in the host's directory ${mount.source ?? mount.guest}` }
}

const moving = { moves: 'moves', because: 'its content is part of the checkpoint' } as const

/** The descriptors of a checkpoint that is not running, with the files that it carries. Throws StasisError STASIS_KERNEL_STATE_DAMAGED. */
export function describeState(state: Uint8Array, files?: CarriedFiles): readonly DescriptorSummary[] {
  const { fds, mounts } = decodeState(state)
  const names = files?.files.flatMap(({ mount, path, content }) => (content === null ? [] : [`${mount}\0${path}`]))
  const carried = new Set(names)
  return fds.flatMap((saved, fd) => {
    if (saved === null) return []
    const { descriptor, identity } = saved
    const summary = describeDescriptor(fd, descriptor, mounts, identity?.size)
    const isCarried =
      descriptor.kind === 'file' && carried.has(`${mounts[descriptor.mount]!.guest}\0${descriptor.path}`)
    return isCarried ? [{ ...summary, ...moving }] : [summary]
  })
}
