import { StasisError } from '../errors.ts'
import { type CarriedRegion, savedGuestState } from '../guest-abi/state.ts'
import type { Context } from './context.ts'
import { type FileHandle, type FileStat, plainEntries } from './fs/file-system.ts'
import { encodeState, type SavedDescriptor, type SavedState, saveWritten } from './saved-state.ts'
import { type Descriptor, type FileDescriptor, initialState, type MountState } from './state.ts'
import { nothingWritten } from './written.ts'

/** A deleted file that is still open travels inside the checkpoint, up to this size. */
export const maxOrphan = 64 * 1024 * 1024

/**
 * The state as bytes, with what the host knows at this instant: identities of open files, contents of memory mounts and
 * of deleted files. Throws StasisError STASIS_FILE_DELETED for a deleted file that is too large to travel: better no
 * checkpoint than one that does not restore (D5).
 */
export function saveState(context: Context): Uint8Array {
  const { state } = context
  const orphans = new Orphans()
  return encodeState({
    args: state.args,
    env: state.env,
    mounts: state.mounts.map((mount, index) => ({
      ...mount,
      content: mount.kind !== 'host' ? (context.fileSystems[index]?.save?.() ?? null) : null,
    })),
    fds: state.fds.map((descriptor, fd) => descriptor && saveDescriptor(context, descriptor, fd, orphans)),
    clocks: { monotonic: context.clocks.monotonic(), cpu: context.clocks.cpuTime() },
    poll: state.poll,
    exit: state.exitCode,
    orphans: orphans.contents,
    written: saveWritten(state.written),
    ...savedGuestState(state.guest),
  } satisfies SavedState)
}

/** The state of a program that has made no call yet, as `saveState` gives it. */
export function encodeInitialState(
  args: readonly string[],
  env: readonly (readonly [string, string])[],
  mounts: readonly (MountState & { readonly content?: Uint8Array })[],
  carried: readonly CarriedRegion[] = [],
): Uint8Array {
  const { fds, guest } = initialState(args, env, mounts, carried)
  return encodeState({
    args,
    env,
    mounts: mounts.map((mount) => ({ content: null, ...mount })),
    fds: fds.map((descriptor) => descriptor && { descriptor, identity: null, orphan: null }),
    clocks: { monotonic: 0n, cpu: 0n },
    poll: null,
    exit: null,
    orphans: [],
    written: saveWritten(nothingWritten(mounts.length)),
    ...savedGuestState(guest),
  })
}

function saveDescriptor(context: Context, descriptor: Descriptor, fd: number, orphans: Orphans): SavedDescriptor {
  if (descriptor.kind === 'directory' && descriptor.listing !== null) {
    const listing = plainEntries(descriptor.listing)
    return { descriptor: { ...descriptor, listing }, identity: null, orphan: null }
  }
  if (descriptor.kind !== 'file') return { descriptor, identity: null, orphan: null }
  const handle = context.handles[fd]
  // In a replay files of hosts are not open, and what they are like now says nothing of that instant.
  if (handle === undefined) return { descriptor, identity: null, orphan: null }
  const stat = handle.stat()
  if (typeof stat === 'number') return { descriptor, identity: { ino: 0n, size: 0n, mtim: 0n }, orphan: null }
  const identity = { ino: handle.inode ?? stat.ino, size: stat.size, mtim: stat.mtim }
  // A memory mount knows its deleted files itself; a host has forgotten the name of this one.
  const travels = descriptor.deleted && context.fileSystems[descriptor.mount]?.openInode === undefined
  return { descriptor, identity, orphan: travels ? orphans.add(descriptor, fd, handle, stat) : null }
}

class Orphans {
  readonly contents: Uint8Array[] = []
  /** Two descriptors of one deleted file share its content. */
  readonly #known = new Map<string, number>()

  add(descriptor: FileDescriptor, fd: number, handle: FileHandle, stat: FileStat): number {
    const key = `${stat.dev}:${stat.ino}`
    const known = this.#known.get(key)
    if (known !== undefined && !descriptor.read) return known
    if (stat.size > maxOrphan) {
      throw new StasisError(
        'STASIS_FILE_DELETED',
        `The program holds the deleted file "${descriptor.path}" open (descriptor ${fd}, ${stat.size} bytes), too large to travel in a checkpoint (limit ${maxOrphan}). Let the program close it first.`,
        { fd, path: descriptor.path, size: Number(stat.size) },
      )
    }
    const content = new Uint8Array(Number(stat.size))
    // Through a descriptor that only writes nothing can be read, by the program neither: its bytes do not matter.
    if (descriptor.read) {
      for (let at = 0, count = 1; at < content.length && count > 0; at += count)
        count = handle.read(content.subarray(at), at)
    }
    const index = known ?? this.contents.length
    this.contents[index] = content
    this.#known.set(key, index)
    return index
  }
}
