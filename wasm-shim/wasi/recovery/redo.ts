import type { Opened } from '../calls/open.ts'
import { nameOf } from '../calls/path.ts'
import type { Context, Perform } from '../context.ts'
import { Errno } from '../errno.ts'
import { FdFlags, OFlags } from '../flags.ts'
import { makeOrphan } from '../restore.ts'
import type { Note } from './note.ts'

interface Pending {
  readonly context: Context
  /** How things were before the effect, as the log has it. */
  readonly note: Note
  readonly perform: Perform
}

/**
 * An effect that the log has announced and not confirmed: the process died before, in or after it. Made again so that it
 * has taken place once. Effects that are not here are positioned, or harmless to repeat (D9); output to terminals and
 * pipes is repeated, which nobody can tell.
 */
// biome-ignore lint/suspicious/noExplicitAny: parameters are those of the call's row
type Redo = (call: Pending, ...params: any[]) => unknown

/** Exists where it did not before: by this call. `fd` and `path`: which parameters name it. */
const created =
  (fd: number, path: number): Redo =>
  ({ context, note, perform }, ...params) => {
    const outcome: unknown = perform(context, ...params)
    if (outcome !== -Errno.EEXIST || note.kind !== 'existed' || note.existed) return outcome
    const at = nameOf(context, params[fd], params[path])
    return typeof at === 'number' ? at : { mount: at.mount, path: at.path }
  }

const removed: Redo = ({ context, note, perform }, ...params) => {
  keepOrphans(context, note)
  const outcome: unknown = perform(context, ...params)
  if (outcome !== -Errno.ENOENT || note.kind !== 'removed') return outcome
  return { mount: note.mount, path: note.path }
}

const isOpened = (outcome: unknown): outcome is Opened => typeof outcome === 'object'

/** Files are opened again after this call, when these have no name any more. */
function keepOrphans(context: Context, note: Note): void {
  if (note.kind !== 'removed' && note.kind !== 'renamed') return
  for (const { fds, content } of note.orphans) makeOrphan(context, fds, content)
}

export const redos: Readonly<Record<string, Redo>> = {
  fd_write: ({ context, note, perform }, fd: number) => {
    const descriptor = context.state.fds[fd]
    const handle = context.handles[fd]
    const isAppending = descriptor?.kind === 'file' && (descriptor.flags & FdFlags.append) !== 0
    if (!isAppending || handle === undefined || note.kind !== 'size') return perform(context, fd)
    const stat = handle.stat()
    const { total } = context.memory
    const end = Number(note.size) + total
    if (typeof stat === 'object' && Number(stat.size) >= end) return { nwritten: total, offset: end }
    // What was written in part is written anew.
    if (typeof stat === 'object' && stat.size > note.size) handle.truncate(Number(note.size))
    return perform(context, fd)
  },
  path_create_directory: created(0, 1),
  path_link: created(3, 4),
  path_open: ({ context, note, perform }, ...params) => {
    const outcome: unknown = perform(context, ...params)
    if (note.kind !== 'existed' || note.existed) return outcome
    // What is there was made by this call, before.
    if (isOpened(outcome)) return outcome.wasAbsent === undefined ? outcome : { ...outcome, wasAbsent: true }
    if (outcome !== -Errno.EEXIST) return outcome
    const [fd, lookup, path, oflags, ...rest] = params
    const again: unknown = perform(context, fd, lookup, path, oflags & ~OFlags.excl, ...rest)
    return isOpened(again) ? { ...again, wasAbsent: true } : again
  },
  path_remove_directory: removed,
  path_rename: ({ context, note, perform }, ...params) => {
    keepOrphans(context, note)
    const outcome: unknown = perform(context, ...params)
    if (outcome !== -Errno.ENOENT || note.kind !== 'renamed') return outcome
    const { from, to, ino, replaces, existed } = note
    const there = context.fileSystems[to.mount]?.stat(to.path)
    const isDone = typeof there === 'object' && there.ino === ino
    return isDone ? { from, to: replaces ? to : from, existed } : outcome
  },
  path_symlink: created(1, 2),
  path_unlink_file: removed,
}
