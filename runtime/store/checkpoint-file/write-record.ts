import { StasisError } from '../../../wasm-shim/errors.ts'
import type { Catalog, SavedRegion } from './catalog.ts'
import type { Packed } from './groups.ts'
import type { Crc32 } from './layout.ts'
import { headFixedSize, maxDepth } from './layout.ts'
import { runsBetween } from './page-reader.ts'
import { align8, encodeHead, type ReadHead, type RecordHead, RecordKind, type RegionEntry } from './record.ts'
import type { CheckpointStorage } from './storage.ts'

const headChecksumAt = headFixedSize - 4

/** A region's state to be written: its pages as the collector numbered them. */
export interface RegionTable {
  readonly name: string
  readonly length: number
  readonly version: number
  readonly table: Uint32Array
  /** The version before, and its table. */
  readonly before?: { readonly saved: SavedRegion; readonly table: Uint32Array } | undefined
}

/** As changes against the version before, unless the whole table is as short or has not been told for long. */
export function regionEntry({ name, length, version, table, before }: RegionTable, catalog: Catalog): RegionEntry {
  const whole = runsBetween(table)
  if (before === undefined || before.saved.length !== length) return { name, length, version, base: 0, runs: whole }
  const changes = runsBetween(table, before.table)
  const chain = catalog.chain(before.saved)
  // The changes since a whole table never exceed it by much, so that going back through them costs little.
  const since = chain.reduce((sum, { base, runs }) => sum + (base === 0 ? 0 : runs.length), changes.length)
  const isShort = changes.length < whole.length && (chain.length < maxDepth || changes.length * 2 > whole.length)
  if (isShort && since <= whole.length + 3 * maxDepth) {
    return { name, length, version, base: before.saved.version, runs: changes }
  }
  return { name, length, version, base: 0, runs: whole }
}

export interface RecordContent {
  readonly version: number
  readonly time: number
  readonly note: Uint8Array
  readonly regions: readonly RegionEntry[]
  /** The pages to be stored, and the checksum of each. */
  readonly packed: Packed
  readonly checksums: ArrayLike<number>
}

/** The parts of a record to be appended, in order, and its head as a reader will see it. */
export function buildRecord(content: RecordContent, catalog: Catalog, crc32: Crc32): BuiltRecord {
  const { version, time, note, regions, checksums } = content
  const { groups, parts } = content.packed
  const payload = groups.reduce((sum, { length }) => sum + length, 0)
  const head: RecordHead = {
    version,
    time,
    previous: catalog.checksum,
    firstPage: catalog.pages + 1,
    groups,
    pageChecksums: new Uint32Array(checksums),
    regions,
    note,
  }
  const bytes = encodeHead(head, crc32)
  const payloadLength = align8(payload)
  const padding = payloadLength === payload ? [] : [new Uint8Array(payloadLength - payload)]
  return { head: asRead(head, bytes, payloadLength), headBytes: bytes, parts: [bytes, ...parts, ...padding] }
}

/** As `decodeHead` would give it, which takes as long as all else that is not reading or writing pages. */
function asRead(head: RecordHead, bytes: Uint8Array, payloadLength: number): ReadHead {
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(headChecksumAt, true)
  // Whoever gave the note may use its memory for another.
  const note = head.note.slice()
  return { kind: RecordKind.save, ...head, note, headLength: bytes.length, payloadLength, checksum }
}

export interface BuiltRecord {
  readonly head: ReadHead
  readonly headBytes: Uint8Array
  readonly parts: readonly Uint8Array[]
}

/** Writes a record; where that fails nothing of it stays. */
export function appendRecord(
  { data, index }: Pick<CheckpointStorage, 'data' | 'index'>,
  { head, headBytes, parts }: BuiltRecord,
  catalog: Catalog,
  isDurable: boolean,
): void {
  const from = catalog.end
  try {
    data.append(parts)
    if (isDurable) data.sync()
  } catch (error) {
    data.truncate(from)
    const message = `A version could not be saved: ${(error as Error).message}. Those before are intact.`
    throw new StasisError('STASIS_CKP_WRITE', message, {}, { cause: error })
  }
  catalog.add(head)
  try {
    index.append([headBytes])
  } catch {
    // The version is saved. Whoever opens the file next finds the index behind and brings it up to date.
  }
}
