import { hasRight, type Opened } from '../calls/open.ts'
import type { Named } from '../calls/path.ts'
import type { Context, Perform } from '../context.ts'
import { OFlags, Rights } from '../flags.ts'
import type { DirectoryEntry, FileType } from '../fs/file-system.ts'
import { direct } from '../resolve.ts'
import type { DirectoryDescriptor } from '../state.ts'
import { encodeNote, type Note } from './note.ts'

/** What the parameters of a path_open say of the file that was opened; `path` undefined where symlinks or dots decide. */
export function expectedOpening(
  { state }: Context,
  fd: number,
  path: string,
  oflags: number,
  rights: bigint,
  flags: number,
): Omit<Opened, 'opened_fd' | 'path'> & { readonly path: string | undefined } {
  const base = state.fds[fd] as DirectoryDescriptor
  const type: FileType = (oflags & OFlags.directory) !== 0 ? 'directory' : 'file'
  return {
    mount: base.mount,
    path: direct(base.path, path),
    type,
    read: hasRight(rights, Rights.fd_read),
    write: hasRight(rights, Rights.fd_write),
    flags,
  }
}

/** Where the parameters say that a name is, whatever symlinks there are; undefined where dots decide. */
export function expectedPlace({ state }: Context, fd: number, path: string): Named | undefined {
  const base = state.fds[fd] as DirectoryDescriptor
  const plain = direct(base.path, path.replace(/(?<=[^/])\/+$/, ''))
  return plain === undefined ? undefined : { mount: base.mount, path: plain }
}

/** `at`: of the decoded parameters, by their places. */
const named =
  (fd: number, path: number): AfterNote =>
  (context, { mount, path: made }: Named, ...params) => {
    const isExpected = expectedPlace(context, params[fd] as number, params[path] as string)?.path === made
    const isOwn = context.state.mounts[mount]!.kind !== 'host'
    return isExpected || isOwn ? undefined : { kind: 'at', mount, path: made }
  }

// biome-ignore lint/suspicious/noExplicitAny: parameters are those of the call's row
type AfterNote = (context: Context, outcome: any, ...params: any[]) => Note | undefined

/** What is to be known of calls that succeeded, from outcome and decoded parameters, before the outcome is applied. */
const afterNotes: Readonly<Record<string, AfterNote>> = {
  path_open: (
    context,
    opened: Opened,
    fd: number,
    _lookup: number,
    path: string,
    oflags: number,
    rights: bigint,
    _inheriting: bigint,
    flags: number,
  ) => {
    const expected = expectedOpening(context, fd, path, oflags, rights, flags)
    if (expected.path === opened.path && expected.type === opened.type) return undefined
    return { kind: 'opened', mount: opened.mount, path: opened.path, type: opened.type }
  },
  path_create_directory: named(0, 1),
  path_filestat_set_times: named(0, 2),
  path_link: named(3, 4),
  path_symlink: named(1, 2),
  fd_readdir: (
    { state },
    { listing }: { listing: readonly DirectoryEntry[] | null },
    fd: number,
    _target: Uint8Array,
    cookie: bigint,
  ) => {
    const before = (state.fds[fd] as DirectoryDescriptor).listing
    return listing !== null && (before === null || cookie === 0n) ? { kind: 'listing', listing } : undefined
  },
}

export function hasAfterNote(name: string): boolean {
  return Object.hasOwn(afterNotes, name)
}

/** A call that leaves its note in the context. */
export function noting(name: string, perform: Perform): Perform {
  const after = afterNotes[name]
  if (after === undefined) return perform
  return (context, ...params) => {
    const outcome: unknown = perform(context, ...params)
    const note = typeof outcome === 'object' ? after(context, outcome, ...params) : undefined
    context.note = note && encodeNote(note)
    return outcome
  }
}
