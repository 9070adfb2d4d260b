/**
 * The kernel's part of a checkpoint: one deterministic CBOR map `{ format: 1, args, env, mounts, fds, clocks, poll, exit,
 * orphans }`. It names files by mount and path and carries no capability. Memory mounts travel inside their mount's
 * entry, deleted files that are still open inside `orphans`. What is decoded is untrusted: every field is checked, unknown
 * and missing ones are refused.
 */
import { decode, encode } from 'cborg'
import { StasisError } from '../errors.ts'
import { FileTypeNumber } from './flags.ts'
import type { DirectoryEntry, FileType } from './fs/file-system.ts'
import type { Descriptor, InterruptedPoll, MountState } from './state.ts'

/** What tells whether a file is still the one that was open. */
export interface FileIdentity {
  readonly ino: bigint
  readonly size: bigint
  /** Nanoseconds since the epoch. */
  readonly mtim: bigint
}

export interface SavedDescriptor {
  readonly descriptor: Descriptor
  /** Of open files. */
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
}

const format = 1

export function encodeState(state: SavedState): Uint8Array {
  return encode({ format, ...state })
}

/** Throws StasisError STASIS_KERNEL_STATE_DAMAGED. */
export function decodeState(bytes: Uint8Array): SavedState {
  let value: unknown
  try {
    value = decode(bytes)
  } catch (cause) {
    throw damaged('it is not well-formed CBOR', { cause })
  }
  return savedState(value, 'state')
}

type Shape<T> = (value: unknown, where: string) => T

function damaged(what: string, options?: { cause: unknown }): StasisError {
  return new StasisError(
    'STASIS_KERNEL_STATE_DAMAGED',
    `The kernel state in the checkpoint cannot be used: ${what}. Restore another version of the session.`,
    {},
    options,
  )
}

const text: Shape<string> = (value, where) => {
  if (typeof value !== 'string') throw damaged(`${where} is not text`)
  return value
}

const flag: Shape<boolean> = (value, where) => {
  if (typeof value !== 'boolean') throw damaged(`${where} is neither true nor false`)
  return value
}

const bytes: Shape<Uint8Array> = (value, where) => {
  if (!(value instanceof Uint8Array)) throw damaged(`${where} is not a byte string`)
  return value
}

/** A number from 0 to `limit`. */
const natural =
  (limit: number): Shape<number> =>
  (value, where) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > limit) {
      throw damaged(`${where} is not a number from 0 to ${limit}`)
    }
    return value
  }

const u64: Shape<bigint> = (value, where) => {
  const number = typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
  if (typeof number !== 'bigint' || number < 0n || number >= 1n << 64n) throw damaged(`${where} is not a 64-bit number`)
  return number
}

/** The host may know of times before 1970. */
const time: Shape<bigint> = (value, where) => {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  if (typeof value !== 'bigint') throw damaged(`${where} is not a time`)
  return value
}

const nullable =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, where) =>
    value === null ? null : shape(value, where)

const list =
  <T>(shape: Shape<T>): Shape<T[]> =>
  (value, where) => {
    if (!Array.isArray(value)) throw damaged(`${where} is not a list`)
    return value.map((item, index) => shape(item, `${where}[${index}]`))
  }

const pair: Shape<[string, string]> = (value, where) => {
  const items = list(text)(value, where)
  if (items.length !== 2) throw damaged(`${where} is not a pair`)
  return [items[0]!, items[1]!]
}

function record<T extends object>(shapes: { readonly [K in keyof T]: Shape<T[K]> }): Shape<T> {
  const names = Object.keys(shapes) as (keyof T & string)[]
  return (value, where) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(`${where} is not a map`)
    const given = value as Record<string, unknown>
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(shapes, name))
    if (unknown !== undefined) throw damaged(`${where} has an unknown field "${unknown}"`)
    const missing = names.find((name) => !Object.hasOwn(given, name))
    if (missing !== undefined) throw damaged(`${where} lacks "${missing}"`)
    return Object.fromEntries(names.map((name) => [name, shapes[name](given[name], `${where}.${name}`)])) as T
  }
}

const one =
  <T extends string>(values: readonly T[]): Shape<T> =>
  (value, where) => {
    const found = values.find((candidate) => candidate === value)
    if (found === undefined) throw damaged(`${where} is none of ${values.join(', ')}`)
    return found
  }

/** A path as file systems take it: an image must not name a file above its mount. */
const path: Shape<string> = (value, where) => {
  const given = text(value, where)
  const wrong = given !== '' && given.split('/').some((name) => name === '' || name === '.' || name === '..')
  if (wrong || given.includes('\0')) throw damaged(`${where} is not a normalised path`)
  return given
}

const fileType = one(Object.keys(FileTypeNumber) as FileType[])
const mountIndex = natural(0xffff)
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

const entry = record<DirectoryEntry>({ name: text, ino: u64, type: fileType })

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

const shape = record<SavedState & { format: number }>({
  format: natural(format),
  args: list(text),
  env: list(pair),
  mounts: list(
    record<SavedMount>({
      guest: text,
      kind: one(['host', 'memory']),
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
})

const savedState: Shape<SavedState> = (value, where) => {
  // First of all, since another format has other fields.
  const version = (value as { format?: unknown } | null)?.format
  if (version !== format) throw damaged(`its format is ${String(version)} where ${format} is known`)
  const { format: _, ...state } = shape(value, where)
  state.fds.forEach((saved, fd) => {
    if (saved === null) return
    const { descriptor: open, orphan, identity } = saved
    if (open.kind !== 'stream' && open.mount >= state.mounts.length) throw damaged(`descriptor ${fd} has no mount`)
    if (orphan !== null && orphan >= state.orphans.length) throw damaged(`descriptor ${fd} has no content`)
    if (open.kind === 'file' && identity === null) throw damaged(`descriptor ${fd} has no identity`)
  })
  if (state.fds.at(-1) === null) throw damaged('its last descriptor is not open')
  return state
}
