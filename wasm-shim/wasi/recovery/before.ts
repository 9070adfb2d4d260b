import { openFlags } from '../calls/open.ts'
import { place } from '../calls/path.ts'
import type { Context } from '../context.ts'
import { FdFlags, OFlags } from '../flags.ts'
import type { FileSystem } from '../fs/file-system.ts'
import { maxOrphan } from '../save.ts'
import type { Note, Orphan } from './note.ts'
import type { Recovery } from './recovery.ts'

/**
 * What is to be known of an effect on a host's files before it takes place. Arguments are words, two a wasm parameter.
 * Memory and overlay mounts need no notes: their effects are repeated by a replay, and nothing of them outlives the process.
 */
export type BeforeNote = (context: Context, words: Int32Array) => Note | undefined

function hostPlace(context: Context, fd: number, path: string | number, follow: boolean) {
  if (typeof path === 'number') return undefined
  const trimmed = path.replace(/(?<=[^/])\/+$/, '')
  const at = place(context, fd, trimmed, follow, false)
  return typeof at === 'number' || at.fs.kind !== 'host' ? undefined : at
}

/** Parameters `fd`, then address and length of a path, by their numbers. */
function named(context: Context, words: Int32Array, fd: number, path: number, follow = false) {
  const text = context.memory.readString(words[path * 2]! >>> 0, words[path * 2 + 2]! >>> 0)
  return hostPlace(context, words[fd * 2]! >>> 0, text, follow)
}

/** Parameters of calls that change the content or the times of the file that a path names: `fd`, and the path's address. */
const changesNamed: Readonly<Record<string, readonly [fd: number, path: number]>> = {
  path_open: [0, 2],
  path_filestat_set_times: [0, 2],
}

/** Notes which file a call that may have taken place has changed, so that it is not taken for somebody else's doing. */
export function mayHaveChanged(context: Context, recovery: Recovery, name: string, words: Int32Array): void {
  const parameters = changesNamed[name]
  if (name.startsWith('fd_')) recovery.changed(context.state.fds[words[0]! >>> 0])
  if (parameters === undefined) return
  const at = named(context, words, ...parameters, true)
  if (at !== undefined) recovery.changedPath(at.mount, at.path)
}

const exists =
  (fd: number, path: number): BeforeNote =>
  (context, words) => {
    const at = named(context, words, fd, path)
    return at && { kind: 'existed', existed: typeof at.fs.stat(at.path) !== 'number' }
  }

const removes: BeforeNote = (context, words) => {
  const at = named(context, words, 0, 1)
  if (at === undefined || typeof at.fs.stat(at.path) === 'number') return undefined
  const { mount, path } = at
  return { kind: 'removed', mount, path, orphans: orphansOf(context, at) }
}

export const beforeNotes: Readonly<Record<string, BeforeNote>> = {
  fd_write: ({ state, handles }, words) => {
    const fd = words[0]! >>> 0
    const descriptor = state.fds[fd]
    if (descriptor?.kind !== 'file' || (descriptor.flags & FdFlags.append) === 0) return undefined
    if (state.mounts[descriptor.mount]!.kind !== 'host') return undefined
    const stat = handles[fd]?.stat()
    return typeof stat === 'object' ? { kind: 'size', size: stat.size } : undefined
  },
  path_open: (context, words) => {
    return (words[8]! & OFlags.creat) !== 0 ? exists(0, 2)(context, words) : undefined
  },
  path_create_directory: exists(0, 1),
  path_symlink: exists(2, 3),
  path_link: exists(4, 5),
  path_unlink_file: removes,
  path_remove_directory: removes,
  path_rename: (context, words) => {
    const from = named(context, words, 0, 1)
    const to = named(context, words, 3, 4)
    if (from === undefined || to === undefined) return undefined
    const stat = from.fs.stat(from.path)
    if (typeof stat === 'number') return undefined
    const replaced = to.fs.stat(to.path)
    // POSIX: two links to one file stay as they are.
    const same = typeof replaced === 'object' && replaced.ino === stat.ino && replaced.dev === stat.dev
    return {
      kind: 'renamed',
      from: { mount: from.mount, path: from.path },
      to: { mount: to.mount, path: to.path },
      ino: stat.ino,
      replaces: !same,
      existed: typeof replaced === 'object',
      orphans: same ? [] : orphansOf(context, to),
    }
  },
}

/** Open files that lose their name with this one, with their content: after a crash there is no other way to it. */
function orphansOf(context: Context, at: { mount: number; path: string; fs: FileSystem }): readonly Orphan[] {
  const fds = context.state.fds.flatMap((descriptor, fd) => {
    const isHere = descriptor?.kind === 'file' && descriptor.mount === at.mount && descriptor.path === at.path
    return isHere && !descriptor.deleted ? [fd] : []
  })
  if (fds.length === 0) return []
  const content = readWhole(at.fs, at.path)
  return content === undefined ? [] : [{ fds, content }]
}

/** undefined where the file cannot be read or is too large to be kept. */
function readWhole(fs: FileSystem, path: string): Uint8Array | undefined {
  const handle = fs.open(path, openFlags(true, false, 0))
  if (typeof handle === 'number') return undefined
  const stat = handle.stat()
  let content: Uint8Array | undefined
  if (typeof stat === 'object' && stat.size <= maxOrphan) {
    content = new Uint8Array(Number(stat.size))
    for (let at = 0, count = 1; at < content.length && count > 0; at += count) {
      count = handle.read(content.subarray(at), at)
    }
  }
  handle.close()
  return content
}
