/**
 * The files of the host that a checkpoint takes along: what the session has written below its host directories, by the
 * marks in its state, and what it holds open. Read while the guest stands still.
 */
import { StasisError } from '../errors.ts'
import { openFlags } from './calls/open.ts'
import type { Context } from './context.ts'
import type { FileStat, FileSystem, FileType } from './fs/file-system.ts'
import { guestPath } from './guest-path.ts'
import { type Mark, marks } from './written.ts'

/** `open`: only held open, and not written. */
export type CarriedState = Mark | 'open'

export const carriedStates: readonly CarriedState[] = [...marks, 'open']

export interface CarriedFile {
  /** The guest's name of the mount. */
  readonly mount: string
  /** Relative to the mount's root, normalised. */
  readonly path: string
  /** `unknown` where nothing is there any more. */
  readonly type: FileType
  readonly state: CarriedState
  /** Bytes. */
  readonly size: number
  /** Nanoseconds since the epoch. */
  readonly mtim: bigint
  /** Number of its content, which names of one file share; null where that is left out, or there is none. */
  readonly content: number | null
  /** Of a symlink. */
  readonly target: string | null
}

/** What a file's content is known by while nothing changes it. */
export interface ContentStamp {
  /** The file, its size, and both of its times. */
  readonly text: string
  /** The later of the times, in nanoseconds since the epoch. */
  readonly changed: bigint
}

export interface ContentSource {
  /** Bytes. */
  readonly length: number
  /** Absent where the file has no number. */
  readonly stamp?: ContentStamp
  /** Fills `target`, of that length, with zeros where the file has become shorter meanwhile. */
  read(target: Uint8Array): void
}

/** A list of files and their contents; `Content` is how these are held. */
export interface CarriedFiles<Content = Uint8Array> {
  /** Whether contents are with it. */
  readonly content: 'carried' | 'left out'
  /** False where the session may have written files that are not in the list. */
  readonly isComplete: boolean
  readonly files: readonly CarriedFile[]
  readonly contents: readonly Content[]
}

/** Contents are sections of an image, of which there are not any number. */
export const maxContents = 60_000

interface Found {
  readonly mount: number
  readonly path: string
  readonly state: CarriedState
  readonly stat: FileStat | undefined
  readonly fs: FileSystem | undefined
}

/**
 * The files to be carried; undefined where the session has no directory of the host. `limit`: bytes of contents; 0 leaves
 * them all out. Throws StasisError STASIS_FILES_TOO_LARGE when what the session wrote is more; what it only holds open is
 * carried as far as there is room.
 */
export function carryFiles(context: Context, limit: number): CarriedFiles<ContentSource> | undefined {
  const { state } = context
  if (state.mounts.every(({ kind }) => kind === 'memory')) return undefined
  const found = [...writtenFiles(context), ...filesBelow(context), ...openFiles(context)]
  const { isComplete } = state.written
  const chosen = limit === 0 ? new Set<Found>() : choose(context, found, limit)
  const contents: ContentSource[] = []
  const numbers = new Map<string, number>()
  const files = found.map((each): CarriedFile => {
    const { path, stat, fs } = each
    const type = stat?.type ?? 'unknown'
    let content: number | null = null
    if (chosen.has(each)) {
      const key = identity(each.mount, stat!)
      content = numbers.get(key) ?? contents.length
      if (content === contents.length) {
        numbers.set(key, content)
        const stamp = stampOf(key, stat!)
        const read = (target: Uint8Array): void => readInto(fs!, path, target)
        contents.push({ length: Number(stat!.size), ...(stamp && { stamp }), read })
      }
    }
    const target = type === 'symlink' ? fs!.readlink(path) : null
    return {
      mount: state.mounts[each.mount]!.guest,
      path,
      type,
      // A replay has no file systems to look at: then what is written about it is all that is known.
      state: stat === undefined && fs !== undefined ? 'removed' : each.state,
      size: type === 'file' ? Number(stat!.size) : 0,
      mtim: stat?.mtim ?? 0n,
      content,
      target: typeof target === 'string' ? target : null,
    }
  })
  return { content: limit === 0 ? 'left out' : 'carried', isComplete, files, contents }
}

const identity = (mount: number, { dev, ino }: FileStat): string => `${mount}:${dev}:${ino}`

/** A program can set a file's time of modification, and by that sets its time of change to now. */
function stampOf(key: string, { ino, size, mtim, ctim }: FileStat): ContentStamp | undefined {
  if (ino === 0n) return undefined
  return { text: `${key}:${size}:${mtim}:${ctim}`, changed: mtim > ctim ? mtim : ctim }
}

function look(context: Context, mount: number, path: string, state: CarriedState): Found {
  const fs = context.fileSystems[mount]
  const stat = state === 'removed' ? undefined : fs?.stat(path)
  return { mount, path, state, fs, stat: typeof stat === 'object' ? stat : undefined }
}

function* writtenFiles(context: Context): Generator<Found> {
  for (const [mount, own] of context.state.written.mounts.entries()) {
    for (const [path, mark] of own) {
      const found = look(context, mount, path, mark)
      yield found
      if (mark === 'moved' && found.stat?.type === 'directory') yield* below(context, mount, path, own)
    }
  }
}

/** What came along when a directory was renamed; what has a mark of its own comes by that. */
function* below(context: Context, mount: number, folder: string, own: ReadonlyMap<string, Mark>): Generator<Found> {
  const entries = context.fileSystems[mount]?.readdir(folder)
  if (entries === undefined || typeof entries === 'number') return
  for (const { name } of entries) {
    const path = `${folder}/${name}`
    const mark = own.get(path)
    const found = look(context, mount, path, 'moved')
    if (mark === undefined) yield found
    if (mark !== 'moved' && found.stat?.type === 'directory') yield* below(context, mount, path, own)
  }
}

/** Of overlays: files below that the session has moved, whose content is still there. */
function* filesBelow({ state, fileSystems }: Context): Generator<Found> {
  for (const [mount, { kind }] of state.mounts.entries()) {
    const { lower, movedBelow } = (kind === 'overlay' && fileSystems[mount]) || {}
    if (lower === undefined) continue
    for (const path of movedBelow?.call(fileSystems[mount]) ?? []) {
      const stat = lower.stat(path)
      if (typeof stat === 'object') yield { mount, path, state: 'moved', fs: lower, stat }
    }
  }
}

function* openFiles(context: Context): Generator<Found> {
  const { state } = context
  const moved = [...filesBelow(context)]
  const seen = new Set(moved.map(({ mount, path }) => `${mount}:${path}`))
  for (const [fd, descriptor] of state.fds.entries()) {
    if (descriptor?.kind !== 'file' || descriptor.type !== 'file' || descriptor.deleted) continue
    const { mount } = descriptor
    const { kind } = state.mounts[mount]!
    const lower = kind === 'overlay' ? context.handles[fd]?.lowerPath : undefined
    const path = kind === 'host' ? descriptor.path : lower
    if (path === undefined || seen.has(`${mount}:${path}`)) continue
    seen.add(`${mount}:${path}`)
    if (state.written.mounts[mount]!.has(path)) continue
    const fs = lowerOf(context.fileSystems[mount])
    const stat = fs?.stat(path)
    if (typeof stat === 'object') yield { mount, path, state: 'open', fs, stat }
  }
}

const lowerOf = (fs: FileSystem | undefined): FileSystem | undefined => fs?.lower ?? fs

/** Those whose content is carried. */
function choose(context: Context, found: readonly Found[], limit: number): ReadonlySet<Found> {
  const files = found.filter(({ stat }) => stat?.type === 'file')
  const chosen = new Set<Found>()
  const counted = new Set<string>()
  let size = 0
  const add = (each: Found): void => {
    chosen.add(each)
    const key = identity(each.mount, each.stat!)
    if (!counted.has(key)) size += Number(each.stat!.size)
    counted.add(key)
  }
  const isNeeded = ({ mount, state }: Found): boolean =>
    state !== 'open' && context.state.mounts[mount]!.kind === 'host'
  for (const each of files) if (isNeeded(each)) add(each)
  if (size > limit || counted.size > maxContents) throw tooLarge(context, [...chosen], size, limit)
  const only = files.filter((each) => !isNeeded(each)).sort((a, b) => Number(a.stat!.size - b.stat!.size))
  for (const each of only) if (size + Number(each.stat!.size) <= limit && counted.size < maxContents) add(each)
  return chosen
}

function tooLarge({ state }: Context, written: readonly Found[], size: number, limit: number): StasisError {
  const largest = [...written].sort((a, b) => Number(b.stat!.size - a.stat!.size)).slice(0, 5)
  const lines = largest.map(
    ({ mount, path, stat }) => `  ${guestPath(state.mounts[mount]!, path)}: ${stat!.size} bytes`,
  )
  const more = written.length > largest.length ? `\n  and ${written.length - largest.length} more` : ''
  return new StasisError(
    'STASIS_FILES_TOO_LARGE',
    `The session has written ${written.length === 1 ? '1 file' : `${written.length} files`} of ${size} bytes to directories of the host, and a checkpoint carries at most ${limit} bytes in ${maxContents} files:\n${lines.join('\n')}${more}\nTake it without the contents of files (stasis checkpoint NAME --without-files), run the program with a larger --max-file-bytes or with 0, or let it remove what it does not need.`,
    { files: written.length, size, limit },
  )
}

function readInto(fs: FileSystem, path: string, target: Uint8Array): void {
  const handle = fs.open(path, openFlags(true, false, 0))
  let done = 0
  if (typeof handle === 'object') {
    for (let count = 1; done < target.length && count > 0; done += Math.max(count, 0))
      count = handle.read(target.subarray(done), done)
    handle.close()
  } else {
    throw new StasisError(
      'STASIS_FILE_UNREADABLE',
      `The file ${path} that the session has open or has written cannot be read for the checkpoint (errno ${-handle}).`,
      { path, errno: -handle },
    )
  }
  target.fill(0, done)
}
