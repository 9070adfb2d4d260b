import { StasisError } from '../../errors.ts'
import type { Opened } from '../calls/open.ts'
import { type Context, directoryAt, type Perform } from '../context.ts'
import { FdFlags, OFlags } from '../flags.ts'
import { makeOrphan } from '../restore.ts'
import { type FileDescriptor, lowestFree } from '../state.ts'
import { expectedOpening, expectedPlace } from './after.ts'
import type { Note } from './note.ts'
import type { Recovery } from './recovery.ts'

interface Replayed {
  readonly context: Context
  readonly recovery: Recovery
  readonly perform: Perform
}

/** The outcome of a call that the log has, as `perform` would give it. */
// biome-ignore lint/suspicious/noExplicitAny: parameters are those of the call's row
type Retrace = (call: Replayed, ...params: any[]) => unknown

function noteOf<K extends Note['kind']>(recovery: Recovery, kind: K, what: string): Extract<Note, { kind: K }> {
  const { note } = recovery
  if (note?.kind === kind) return note as Extract<Note, { kind: K }>
  throw unsaid(what)
}

function unsaid(what: string): StasisError {
  const message = `The call log does not say what ${what} did. Restore a checkpoint without the log after it.`
  return new StasisError('STASIS_LOG_NOTE', message)
}

/** Whether a descriptor's mount lives in the session, so that its calls are made again. */
const isOwn = ({ state }: Context, fd: number): boolean => {
  const descriptor = state.fds[fd]
  if (descriptor === null || descriptor === undefined || descriptor.kind === 'stream') return false
  return state.mounts[descriptor.mount]!.kind !== 'host'
}

type OnFile = (recovery: Recovery, file: FileDescriptor, context: Context, ...rest: never[]) => void

/** What lives in the session is changed again: memory mounts, and deleted files, which have handles in a replay too. */
const onFile =
  (outcome: (recovery: Recovery) => unknown, change: OnFile): Retrace =>
  ({ context, recovery, perform }, fd: number, ...rest) => {
    if (context.handles[fd] !== undefined) return perform(context, fd, ...rest)
    const file = context.state.fds[fd]
    if (file?.kind === 'file') {
      recovery.changed(file)
      change(recovery, file, context, ...(rest as never[]))
    }
    return outcome(recovery)
  }

/** `fd` and `path`: which parameters name the place that is made or changed. */
const onPath =
  (fd: number, path: number): Retrace =>
  ({ context, recovery, perform }, ...params) => {
    if (isOwn(context, params[fd] as number)) return perform(context, ...params)
    const { note } = recovery
    const at = note?.kind === 'at' ? note : expectedPlace(context, params[fd] as number, params[path] as string)
    // A log of a version that noted nothing: what was made is found when it is written to.
    return at === undefined ? 0 : { mount: at.mount, path: at.path }
  }

/** The bytes that a write has written, of which `count` were taken. */
const writtenBytes = ({ memory }: Context, count: number): Uint8Array =>
  memory.gather(new Uint8Array(memory.total)).subarray(0, count)

const writes: OnFile = (recovery, { mount, path }, context, offset: bigint) => {
  recovery.files?.write(mount, path, Number(offset), writtenBytes(context, count(recovery)))
}

const resizes: OnFile = ({ files }, { mount, path }, _, size: bigint) => files?.resize(mount, path, Number(size))

const keepsContent: OnFile = () => undefined

/** Changes nothing but tables of the session. */
const again: Retrace = ({ context, perform }, ...params) => perform(context, ...params)

const count = (recovery: Recovery): number => recovery.u32(0)
const nothing = (): number => 0

const opened: Retrace = ({ context, recovery, perform }, ...params): unknown => {
  const [fd, , path, oflags, rights, , flags] = params
  if (isOwn(context, fd)) return perform(context, ...params)
  const base = directoryAt(context, fd)
  const { note } = recovery
  const number = recovery.u32(0)
  if (typeof base === 'number' || number !== lowestFree(context.state)) return -1
  const expected = expectedOpening(context, fd, path, oflags, rights, flags)
  const place = note?.kind === 'opened' ? { mount: base.mount, path: note.path, type: note.type } : {}
  const isPlain = note?.kind !== 'opened' && expected.path !== undefined
  const wasAbsent = isPlain && (oflags & OFlags.creat) !== 0 ? absence(note, oflags) : undefined
  const made: Omit<Opened, 'path'> & { path?: string | undefined } = {
    ...expected,
    ...place,
    opened_fd: number,
    ...(wasAbsent !== undefined && { wasAbsent }),
  }
  if (made.path === undefined) throw unsaid('path_open')
  if ((oflags & (OFlags.creat | OFlags.trunc)) !== 0) {
    recovery.changedPath(made.mount, made.path)
    const isEmpty = wasAbsent === true || (oflags & (OFlags.excl | OFlags.trunc)) !== 0
    recovery.files?.opened(made.mount, made.path, isEmpty)
  }
  return made
}

/** What the log tells of the name before it was opened. */
function absence(note: Note | undefined, oflags: number): boolean | undefined {
  if ((oflags & OFlags.excl) !== 0) return true
  return note?.kind === 'existed' ? !note.existed : undefined
}

const removed: Retrace = ({ context, recovery, perform }, fd: number, ...rest) => {
  if (isOwn(context, fd)) return perform(context, fd, ...rest)
  const { mount, path, orphans } = noteOf(recovery, 'removed', 'the removal of a file')
  for (const orphan of orphans) makeOrphan(context, orphan.fds, orphan.content)
  recovery.files?.removed(mount, path)
  return { mount, path }
}

const renamed: Retrace = ({ context, recovery, perform }, fd: number, ...rest) => {
  if (isOwn(context, fd)) return perform(context, fd, ...rest)
  const { from, to, replaces, existed, orphans } = noteOf(recovery, 'renamed', 'path_rename')
  for (const orphan of orphans) makeOrphan(context, orphan.fds, orphan.content)
  recovery.changedPath(to.mount, to.path)
  if (replaces) recovery.files?.renamed(to.mount, from.path, to.path)
  return { from, to: replaces ? to : from, existed }
}

const madeDirectory: Retrace = ({ context, recovery, perform }, fd: number, path: string) => {
  if (isOwn(context, fd)) return perform(context, fd, path)
  const { note } = recovery
  const at = note?.kind === 'at' ? note : expectedPlace(context, fd, path)
  if (at === undefined) return 0
  recovery.files?.makeDirectory(at.mount, at.path)
  return { mount: at.mount, path: at.path }
}

const written: Retrace = ({ context, recovery, perform }, fd: number) => {
  if (context.handles[fd] !== undefined) return perform(context, fd)
  const descriptor = context.state.fds[fd]
  const nwritten = count(recovery)
  if (descriptor?.kind === 'stream' && recovery.echo) perform(context, fd)
  if (descriptor?.kind !== 'file') return nwritten
  recovery.changed(descriptor)
  const isAppended = (descriptor.flags & FdFlags.append) !== 0 && nwritten > 0
  const start = isAppended ? Number(noteOf(recovery, 'size', 'a write in append mode').size) : descriptor.offset
  recovery.files?.write(descriptor.mount, descriptor.path, start, writtenBytes(context, nwritten))
  return isAppended ? { nwritten, offset: start + nwritten } : nwritten
}

export const retraces: Readonly<Record<string, Retrace>> = {
  disable: again,
  enable: again,
  label: again,
  region: again,
  region_forget: again,
  region_saved: again,
  clock_time_get: ({ recovery }) => recovery.u64(0),
  fd_allocate: onFile(nothing, (recovery, { mount, path }, _, offset: bigint, length: bigint) =>
    recovery.files?.extend(mount, path, Number(offset + length)),
  ),
  fd_close: again,
  fd_fdstat_set_flags: ({ context, perform }, fd: number, flags: number) =>
    context.handles[fd] === undefined ? 0 : perform(context, fd, flags),
  fd_filestat_set_size: onFile(nothing, resizes),
  fd_filestat_set_times: (call, fd: number, ...rest) =>
    call.context.state.fds[fd]?.kind === 'directory'
      ? isOwn(call.context, fd)
        ? call.perform(call.context, fd, ...rest)
        : 0
      : onFile(nothing, keepsContent)(call, fd, ...rest),
  fd_pwrite: onFile(count, writes),
  fd_read: ({ context, recovery }, fd: number) => {
    const descriptor = context.state.fds[fd]
    if (descriptor?.kind === 'stream' && descriptor.stream === 0) recovery.stdinRead += count(recovery)
    return count(recovery)
  },
  fd_readdir: ({ context, recovery, perform }, fd: number, target: Uint8Array, cookie: bigint) => {
    if (isOwn(context, fd)) return perform(context, fd, target, cookie)
    const descriptor = context.state.fds[fd]
    const bufused = count(recovery)
    const { note } = recovery
    const known = descriptor?.kind === 'directory' ? descriptor.listing : null
    const listing = note?.kind === 'listing' ? note.listing : known
    return { bufused, listing: bufused < target.length ? null : listing }
  },
  fd_renumber: again,
  fd_seek: ({ recovery }) => Number(recovery.u64(0)),
  fd_write: written,
  path_create_directory: madeDirectory,
  path_filestat_set_times: onPath(0, 2),
  path_link: onPath(3, 4),
  path_open: opened,
  path_remove_directory: removed,
  path_rename: renamed,
  path_symlink: onPath(1, 2),
  path_unlink_file: removed,
  poll_oneoff: ({ recovery }) => ({ nevents: count(recovery) }),
}
