/**
 * The kernel's part of a checkpoint: one deterministic CBOR map `{ format: 2, args, env, mounts, fds, clocks, poll, exit,
 * orphans, written }`, and `guest` where the program has called functions of the module `stasis`. Format 1 had no `written`.
 * It names files by mount and path and carries no capability. Memory mounts travel inside their mount's
 * entry, deleted files that are still open inside `orphans`. What is decoded is untrusted: every field is checked, unknown
 * and missing ones are refused.
 */
import { decode, encode } from 'cborg'
import { StasisError } from '../errors.ts'
import { type GuestState, guestShape } from '../guest-abi/state.ts'
import { FileTypeNumber } from './flags.ts'
import type { DirectoryEntry, FileType } from './fs/file-system.ts'
import {
  bytes,
  flag,
  list,
  natural,
  nullable,
  one,
  pair,
  path,
  record,
  type Shape,
  ShapeError,
  text,
  time,
  u64,
} from './shapes.ts'
import type { Descriptor, InterruptedPoll, MountState } from './state.ts'
import { type Mark, marks, type Written } from './written.ts'

/** What tells whether a file is still the one that was open. */
export interface FileIdentity {
  readonly ino: bigint
  readonly size: bigint
  /** Nanoseconds since the epoch. */
  readonly mtim: bigint
}

export interface SavedDescriptor {
  readonly descriptor: Descriptor
  /** Of open files, where it is known: not at an instant that was reached by a replay. */
  readonly identity: FileIdentity | null
  /** Index in `orphans` of a deleted file's content. */
  readonly orphan: number | null
}

export interface SavedMount extends MountState {
  /** The whole content of a memory mount. */
  readonly content: Uint8Array | null
}

export interface SavedState {
  readonly args: readonly string[]
  readonly env: readonly (readonly [string, string])[]
  readonly mounts: readonly SavedMount[]
  readonly fds: readonly (SavedDescriptor | null)[]
  /** The guest's clocks at the instant, in nanoseconds. */
  readonly clocks: { readonly monotonic: bigint; readonly cpu: bigint }
  readonly poll: InterruptedPoll | null
  readonly exit: number | null
  readonly orphans: readonly Uint8Array[]
  readonly written: SavedWritten
  /** Absent where the program has used none of it. */
  readonly guest?: GuestState
}

/** `Written` (written.ts), by mount number. */
export interface SavedWritten {
  readonly complete: boolean
  readonly mounts: readonly (readonly (readonly [path: string, mark: Mark])[])[]
}

const format = 2

export function encodeState(state: SavedState): Uint8Array {
  return encode({ format, ...state })
}

export function saveWritten({ isComplete, mounts }: Written): SavedWritten {
  return { complete: isComplete, mounts: mounts.map((own) => [...own]) }
}

/** Marks of mounts that live in the session from now on mean nothing. */
export function restoreWritten({ complete, mounts }: SavedWritten, now: readonly MountState[]): Written {
  return { isComplete: complete, mounts: mounts.map((own, mount) => new Map(now[mount]!.kind === 'host' ? own : [])) }
}

/** Throws StasisError STASIS_KERNEL_STATE_DAMAGED. */
export function decodeState(bytes: Uint8Array): SavedState {
  let value: unknown
  try {
    value = decode(bytes)
  } catch (cause) {
    throw damaged('it is not well-formed CBOR', { cause })
  }
  try {
    return savedState(value, 'state')
  } catch (error) {
    throw error instanceof ShapeError ? damaged(error.message) : error
  }
}

function damaged(what: string, options?: { cause: unknown }): StasisError {
  return new StasisError(
    'STASIS_KERNEL_STATE_DAMAGED',
    `The kernel state in the checkpoint cannot be used: ${what}. Restore another version of the session.`,
    {},
    options,
  )
}

export const fileType: Shape<FileType> = one(Object.keys(FileTypeNumber) as FileType[])
export const mountIndex: Shape<number> = natural(0xffff)
const fdFlags = natural(31)

const stream = record<Extract<Descriptor, { kind: 'stream' }>>({
  kind: one(['stream']),
  stream: (value, where) => natural(2)(value, where) as 0 | 1 | 2,
  flags: fdFlags,
})

const file = record<Extract<Descriptor, { kind: 'file' }>>({
  kind: one(['file']),
  mount: mountIndex,
  path,
  type: fileType,
  read: flag,
  write: flag,
  flags: fdFlags,
  offset: natural(Number.MAX_SAFE_INTEGER),
  deleted: flag,
})

export const entry: Shape<DirectoryEntry> = record<DirectoryEntry>({ name: text, ino: u64, type: fileType })

const directory = record<Extract<Descriptor, { kind: 'directory' }>>({
  kind: one(['directory']),
  mount: mountIndex,
  path,
  preopen: nullable(text),
  flags: fdFlags,
  deleted: flag,
  listing: nullable(list(entry)),
})

const descriptor: Shape<Descriptor> = (value, where) => {
  const kind = (value as { kind?: unknown } | null)?.kind
  return kind === 'stream' ? stream(value, where) : kind === 'file' ? file(value, where) : directory(value, where)
}

const marked: Shape<readonly [string, Mark]> = (value, where) => {
  const [name, mark] = pair(value, where)
  return [path(name, where), one(marks)(mark, where)]
}

const shape = record<Omit<SavedState, 'guest'> & { format: number; guest: GuestState | null }>({
  format: natural(format),
  args: list(text),
  env: list(pair),
  mounts: list(
    record<SavedMount>({
      guest: text,
      kind: one(['host', 'overlay', 'memory']),
      source: nullable(text),
      readOnly: flag,
      content: nullable(bytes),
    }),
  ),
  fds: list(
    nullable(
      record<SavedDescriptor>({
        descriptor,
        identity: nullable(record<FileIdentity>({ ino: u64, size: u64, mtim: time })),
        orphan: nullable(natural(0xffff)),
      }),
    ),
  ),
  clocks: record<SavedState['clocks']>({ monotonic: u64, cpu: u64 }),
  poll: nullable(record<InterruptedPoll>({ subscriptions: bytes, since: u64 })),
  exit: nullable(natural(0xffff_ffff)),
  orphans: list(bytes),
  written: record<SavedWritten>({ complete: flag, mounts: list(list(marked)) }),
  guest: nullable(guestShape),
})

/** What a session of format 1 had written is not known. */
function upgraded(value: unknown): unknown {
  const state = value as { readonly mounts?: unknown }
  const mounts = Array.isArray(state.mounts) ? state.mounts.map(() => []) : []
  return { ...state, written: { complete: false, mounts } }
}

const savedState: Shape<SavedState> = (value, where) => {
  // First of all, since another format has other fields.
  const version = (value as { format?: unknown } | null)?.format
  if (version !== 1 && version !== format) {
    throw new ShapeError(`its format is ${String(version)} where 1 and ${format} are known`)
  }
  const whole = version === 1 ? upgraded(value) : value
  const { format: _, guest, ...saved } = shape({ guest: null, ...(whole as object) }, where)
  if (saved.written.mounts.length !== saved.mounts.length) throw new ShapeError('its marks are not those of its mounts')
  const state: SavedState = guest === null ? saved : { ...saved, guest }
  state.fds.forEach((saved, fd) => {
    if (saved === null) return
    const { descriptor: open, orphan, identity } = saved
    if (open.kind !== 'stream' && open.mount >= state.mounts.length)
      throw new ShapeError(`descriptor ${fd} has no mount`)
    if (orphan !== null && orphan >= state.orphans.length) throw new ShapeError(`descriptor ${fd} has no content`)
    const isOwn = open.kind === 'file' && state.mounts[open.mount]!.kind !== 'host'
    if (isOwn && identity === null) throw new ShapeError(`descriptor ${fd} has no identity`)
  })
  if (state.fds.at(-1) === null) throw new ShapeError('its last descriptor is not open')
  return state
}
