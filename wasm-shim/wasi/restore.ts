import { invariant, StasisError } from '../errors.ts'
import { openFlags } from './calls/open.ts'
import type { Context } from './context.ts'
import { Errno } from './errno.ts'
import { FdFlags } from './flags.ts'
import type { FileHandle, FileSystem } from './fs/file-system.ts'
import { MemoryFileSystem } from './fs/memory.ts'
import { guestPath } from './guest-path.ts'
import type { Mount } from './kernel.ts'
import type { FileIdentity, SavedMount, SavedState } from './saved-state.ts'
import type { Descriptor, DirectoryDescriptor, FileDescriptor, MountState } from './state.ts'

export interface Grants {
  /** Mounts given again by whoever restores. */
  readonly mounts: readonly Mount[]
  /** Go on with files that changed since the checkpoint. */
  readonly allowChangedFiles?: boolean
  /** See `KernelConfig`. */
  readonly notes?: boolean
  /** See `KernelConfig`; files of hosts are opened again when the replay ends. */
  readonly replay?: boolean
  readonly echo?: boolean
  readonly files?: boolean
  /** See `KernelConfig`. */
  readonly ownCheckpoint?: () => number | undefined
  /** The replay does not go live: directories that are not granted are no problem. */
  readonly alone?: boolean
  /** The files of a host directory that the checkpoint carries, for one that is not granted; undefined where there are none. */
  readonly carriedFiles?: (guest: string) => FileSystem | undefined
  /** The changes of an overlay, for one that is not granted, as a file system of their own; undefined where that may not be. */
  readonly detached?: (guest: string, saved: Uint8Array) => FileSystem
  /** Makes the file system of a memory mount from its saved content, or an empty one. */
  readonly memoryFileSystem: (saved: Uint8Array | undefined) => FileSystem
}

/** One reason why the session cannot go on here. */
export interface Problem {
  readonly code: 'STASIS_MOUNT_NOT_GRANTED' | 'STASIS_FILE_MISSING' | 'STASIS_FILE_CHANGED'
  readonly subject: string
  readonly message: string
  /** Even a replay cannot do without it. */
  readonly isNeeded?: boolean
}

export interface RestoredMounts {
  readonly mounts: readonly MountState[]
  /** undefined for a mount that nothing of the session uses and nobody granted. */
  readonly fileSystems: readonly (FileSystem | undefined)[]
  readonly problems: readonly Problem[]
  /** Host directories that go on in memory, by their names in the guest. */
  readonly inMemory: readonly string[]
}

/** Puts the granted mounts, and memory mounts out of the checkpoint, in the places of the saved ones. */
export function restoreMounts(saved: SavedState, grants: Grants): RestoredMounts {
  const problems: Problem[] = []
  const granted = new Map(grants.mounts.map((mount) => [mount.guest, mount]))
  const unknown = grants.mounts.filter(({ guest }) => !saved.mounts.some((mount) => mount.guest === guest))
  if (unknown.length > 0) {
    const names = unknown.map(({ guest }) => guest).join(', ')
    throw new StasisError(
      'STASIS_MOUNT_UNKNOWN',
      `The session has no directory ${names}, and a running program cannot be given new ones. Its directories: ${saved.mounts.map(({ guest }) => guest).join(', ') || 'none'}.`,
      { mounts: names },
    )
  }
  const inUse = new Set(saved.fds.map((one) => (one && one.descriptor.kind !== 'stream' ? one.descriptor.mount : -1)))
  const mounts: MountState[] = []
  const inMemory: string[] = []
  const fileSystems = saved.mounts.map((mount, index): FileSystem | undefined => {
    const { content, ...state } = mount
    const grant = granted.get(mount.guest)
    if (grant) {
      const { guest, kind, source, readOnly } = grant
      if (mount.kind === 'overlay' && kind !== 'overlay') throw notOverlay(guest)
      mounts.push({ guest, kind, source: source ?? null, readOnly })
      return mount.kind === 'overlay' && content !== null ? grant.restore!(content) : grant.fs
    }
    const carried = withoutGrant(mount, grants)
    if (carried !== undefined) {
      inMemory.push(mount.guest)
      mounts.push({ ...state, kind: 'memory', source: null })
      return carried
    }
    mounts.push(state)
    if (mount.kind === 'memory') return grants.memoryFileSystem(content ?? undefined)
    if (inUse.has(index)) {
      problems.push({
        code: 'STASIS_MOUNT_NOT_GRANTED',
        subject: mount.guest,
        isNeeded: mount.kind === 'overlay',
        message: `${mount.guest} was the host's directory ${mount.source ?? '(unnamed)'}: grant it again with --dir HOST::${mount.guest}${mount.kind === 'overlay' ? ':overlay' : ''}`,
      })
    }
    return undefined
  })
  return { mounts, fileSystems, problems, inMemory }
}

/** What there is in the checkpoint of a directory that is not granted. */
function withoutGrant({ guest, kind, content }: SavedMount, grants: Grants): FileSystem | undefined {
  if (kind === 'host') return grants.carriedFiles?.(guest)
  return kind === 'overlay' && content !== null ? grants.detached?.(guest, content) : undefined
}

function notOverlay(guest: string): StasisError {
  return new StasisError(
    'STASIS_MOUNT_KIND',
    `${guest} is an overlay, whose changes live in the session. Grant the directory below it in the same way: --dir HOST::${guest}:overlay. "stasis files" takes the changes out.`,
    { guest },
  )
}

/**
 * Opens what the checkpoint brings along: deleted files, and those of memory and overlay mounts. Returns what below an
 * overlay is not as it was.
 */
export function reopenOwn(context: Context, saved: SavedState, allowChanged: boolean): readonly Problem[] {
  const problems: Problem[] = []
  const fdsOf = saved.orphans.map((): number[] => [])
  saved.fds.forEach((one, fd) => {
    if (one?.descriptor.kind !== 'file') return
    if (one.orphan !== null) fdsOf[one.orphan]!.push(fd)
    else if (isSame(saved, context, one.descriptor.mount)) {
      const fs = context.fileSystems[one.descriptor.mount]
      const { read, write, flags } = one.descriptor
      const handle = fs?.openInode?.(one.identity!.ino, openFlags(read, write, flags))
      if (typeof handle !== 'object') return
      context.handles[fd] = handle
      const change = handle.lowerPath === undefined || allowChanged ? undefined : changeOf(handle, one.identity!)
      if (change === undefined) return
      const subject = guestPath(context.state.mounts[one.descriptor.mount]!, one.descriptor.path)
      problems.push({ code: 'STASIS_FILE_CHANGED', subject, message: `${subject} changed: ${change}` })
    }
  })
  fdsOf.forEach((fds, orphan) => {
    makeOrphan(context, fds, saved.orphans[orphan]!)
  })
  return problems
}

/** Whether a mount's inode numbers are still those of the checkpoint. */
function isSame(saved: SavedState, { state }: Context, mount: number): boolean {
  const { kind } = saved.mounts[mount]!
  // Of an overlay nothing but an overlay, or its changes in memory, can be there.
  return kind === 'overlay' || (kind === 'memory' && state.mounts[mount]!.kind === 'memory')
}

/** An open descriptor, and what its file was like when that was last known. */
export interface Reopened {
  readonly descriptor: Descriptor | null
  readonly identity: FileIdentity | null
}

/**
 * Opens every file again that has no handle yet, or throws with all that is in the way. Nothing stays open when it throws.
 * `fds` by descriptor number.
 */
export function reopenFiles(
  context: Context,
  fds: readonly (Reopened | null)[],
  allowChanged: boolean,
  earlier: readonly Problem[],
): void {
  const problems = [...earlier]
  fds.forEach((one, fd) => {
    const descriptor = one?.descriptor ?? null
    if (one === null || descriptor === null || descriptor.kind === 'stream') return
    const fs = context.fileSystems[descriptor.mount]
    if (context.handles[fd] !== undefined || fs === undefined) return
    const found = reopen(fs, context.state.mounts[descriptor.mount]!, descriptor, one.identity, allowChanged)
    if (found !== undefined && 'code' in found) problems.push(found)
    else if (found !== undefined) context.handles[fd] = found
  })
  if (problems.length === 0) return
  for (const handle of context.handles) handle?.close()
  throw asError(problems)
}

function reopen(
  fs: FileSystem,
  mount: MountState,
  descriptor: FileDescriptor | DirectoryDescriptor,
  identity: FileIdentity | null,
  allowChanged: boolean,
): FileHandle | Problem | undefined {
  const name = guestPath(mount, descriptor.path)
  const missing = (errno: number): Problem => ({
    code: 'STASIS_FILE_MISSING',
    subject: name,
    message:
      errno === -Errno.ENOENT
        ? `${name} is missing${mount.source === null ? '' : ` in ${mount.source}`}`
        : `${name} cannot be opened again (${errnoName(errno)})`,
  })
  if (descriptor.kind === 'directory') return descriptor.deleted ? undefined : reopenDirectory(fs, descriptor, missing)
  const { read, write, flags } = descriptor
  // Another file may have its name.
  if (descriptor.deleted) return missing(-Errno.ENOENT)
  if (write && mount.readOnly) return missing(-Errno.EROFS)
  const handle = fs.open(descriptor.path, openFlags(read, write, flags))
  if (typeof handle === 'number') return missing(handle)
  const change = mount.kind !== 'host' || allowChanged || identity === null ? undefined : changeOf(handle, identity)
  if (change === undefined) return handle
  handle.close()
  return { code: 'STASIS_FILE_CHANGED', subject: name, message: `${name} changed: ${change}` }
}

function reopenDirectory(
  fs: FileSystem,
  { path }: DirectoryDescriptor,
  missing: (errno: number) => Problem,
): Problem | undefined {
  const stat = fs.stat(path)
  if (typeof stat === 'number') return missing(stat)
  return stat.type === 'directory' ? undefined : missing(-Errno.ENOTDIR)
}

function changeOf(handle: FileHandle, before: FileIdentity): string | undefined {
  const now = handle.stat()
  if (typeof now === 'number') return `it cannot be looked at (${errnoName(now)})`
  if (now.size !== before.size) return `it had ${before.size} bytes and has ${now.size}`
  if (now.mtim !== before.mtim) return 'it was written since the checkpoint'
  return undefined
}

/** Of deleted files: beyond the device numbers that hosts give. */
const firstDevice = 1n << 63n

/** A deleted file lives on in a memory file system of its own, under no name, for all descriptors that are open on it. */
export function makeOrphan(context: Context, fds: readonly number[], content: Uint8Array): void {
  const dev = firstDevice + BigInt(context.orphans++)
  const fs = MemoryFileSystem.create(() => context.host.clocks.realtime(), { dev })
  fs.put('orphan', content)
  for (const fd of fds) {
    const descriptor = context.state.fds[fd]
    if (descriptor?.kind !== 'file') continue
    // Reading is for the next checkpoint; the descriptor still says what the program may do.
    const handle = fs.open('orphan', openFlags(true, true, descriptor.flags & FdFlags.append))
    invariant(typeof handle === 'object', 'a deleted file can be made again')
    context.handles[fd] = handle
  }
}

function errnoName(failure: number): string {
  return Object.entries(Errno).find(([, number]) => number === -failure)?.[0] ?? `errno ${-failure}`
}

const remedies = {
  STASIS_MOUNT_NOT_GRANTED: 'Directories are never part of a checkpoint',
  STASIS_FILE_MISSING: 'Put the files back where they were, or restore with another directory',
  STASIS_FILE_CHANGED:
    'Put them back as they were with --files restore, or go on with them as they are with --files keep',
} as const

export function asError(problems: readonly Problem[]): StasisError {
  const order = Object.keys(remedies) as Problem['code'][]
  const code = order.find((candidate) => problems.some((problem) => problem.code === candidate))!
  const lines = problems.map(({ message }) => `  ${message}`).join('\n')
  return new StasisError(
    code,
    `The session cannot go on here, since something that it had open is not as it was:\n${lines}\n${remedies[code]}.`,
    { problems: problems.length, subjects: problems.map(({ subject }) => subject).join('\n') },
  )
}
