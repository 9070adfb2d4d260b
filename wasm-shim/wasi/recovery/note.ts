/**
 * What the log of a session keeps of some calls beyond parameters and results, so that a replay can tell their effect on
 * the kernel's state, and whether an effect that was under way when the process died took place. One CBOR map a note; what
 * is read is untrusted.
 */
import { decode, encode } from 'cborg'
import { StasisError } from '../../errors.ts'
import { type DirectoryEntry, type FileType, plainEntries } from '../fs/file-system.ts'
import { entry, fileType, mountIndex } from '../saved-state.ts'
import { bytes, flag, list, natural, one, path, record, type Shape, ShapeError, u64 } from '../shapes.ts'

/** A file or directory, symlinks resolved. */
export interface Location {
  readonly mount: number
  readonly path: string
}

/** Content of a file that loses its last name while descriptors are open on it. */
export interface Orphan {
  readonly fds: readonly number[]
  readonly content: Uint8Array
}

export type Note =
  /** Before a write in append mode: bytes of the file. */
  | { readonly kind: 'size'; readonly size: bigint }
  /** Before a name is created that must not exist. */
  | { readonly kind: 'existed'; readonly existed: boolean }
  /** After a file was opened elsewhere than its parameters say, or as something else. */
  | ({ readonly kind: 'opened'; readonly type: FileType } & Location)
  /** After a name was made, or its times set, elsewhere than the parameters say. */
  | ({ readonly kind: 'at' } & Location)
  /** After the first part of a directory was read: all of it. */
  | { readonly kind: 'listing'; readonly listing: readonly DirectoryEntry[] }
  /** Before a name that exists is removed. */
  | ({ readonly kind: 'removed'; readonly orphans: readonly Orphan[] } & Location)
  /** Before something is renamed; `ino` is its inode, `replaces` whether `to` loses what it names. */
  | {
      readonly kind: 'renamed'
      readonly from: Location
      readonly to: Location
      readonly ino: bigint
      readonly replaces: boolean
      /** Whether `to` named anything. */
      readonly existed: boolean
      readonly orphans: readonly Orphan[]
    }

const kind = <K extends Note['kind']>(name: K): Shape<K> => one([name])
const location = { mount: mountIndex, path }
const place = record<Location>(location)
const orphans = list(record<Orphan>({ fds: list(natural(0xffff)), content: bytes }))

const shapes: { readonly [K in Note['kind']]: Shape<Extract<Note, { kind: K }>> } = {
  size: record({ kind: kind('size'), size: u64 }),
  existed: record({ kind: kind('existed'), existed: flag }),
  at: record({ kind: kind('at'), ...location }),
  opened: record({ kind: kind('opened'), ...location, type: fileType }),
  listing: record({ kind: kind('listing'), listing: list(entry) }),
  removed: record({ kind: kind('removed'), ...location, orphans }),
  renamed: record({ kind: kind('renamed'), from: place, to: place, ino: u64, replaces: flag, existed: flag, orphans }),
}

/** As `encode` gives it, which takes longer over an object than a host over most calls. */
const existedNotes = {
  true: encode({ kind: 'existed', existed: true }),
  false: encode({ kind: 'existed', existed: false }),
} as const

interface Encoded {
  readonly note: Note & Location
  readonly bytes: Uint8Array
}
/** Programs open and remove the same names again and again: directories, journals, locks. */
const latest: { removed?: Encoded; opened?: Encoded } = {}

function encodeLocated(note: Extract<Note, { kind: 'removed' | 'opened' }>): Uint8Array {
  if (note.kind === 'removed' && note.orphans.length > 0) return encode(note)
  const known = latest[note.kind]
  if (known !== undefined && isSame(known.note, note)) return known.bytes
  const bytes = encode(note)
  latest[note.kind] = { note, bytes }
  return bytes
}

/** Of one kind, without orphans. */
function isSame(a: Note & Location, b: Note & Location): boolean {
  const types = a.kind !== 'opened' || b.kind !== 'opened' || a.type === b.type
  return a.path === b.path && a.mount === b.mount && types
}

/** The bytes are valid for good, and not to be changed. */
export function encodeNote(note: Note): Uint8Array {
  if (note.kind === 'existed') return note.existed ? existedNotes.true : existedNotes.false
  if (note.kind === 'removed' || note.kind === 'opened') return encodeLocated(note)
  return encode(note.kind === 'listing' ? { ...note, listing: plainEntries(note.listing) } : note)
}

/** Throws StasisError STASIS_LOG_NOTE. */
export function decodeNote(encoded: Uint8Array): Note {
  try {
    const value: unknown = decode(encoded)
    const name = (value as { kind?: unknown } | null)?.kind
    if (typeof name !== 'string' || !Object.hasOwn(shapes, name)) throw new ShapeError('note.kind is unknown')
    return shapes[name as Note['kind']](name === 'renamed' ? { existed: true, ...(value as object) } : value, 'note')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `What the call log has noted of a call cannot be used: ${why}. Restore a checkpoint without the log after it.`
    throw new StasisError('STASIS_LOG_NOTE', message, {}, { cause })
  }
}
