import { isStasisError } from '../../../wasm-shim/errors.ts'
import { Catalog } from './catalog.ts'
import { decodeDataHeader, encodeDataHeader, encodeIndexHeader, isBegun } from './headers.ts'
import { type Crc32, damaged, dataHeaderSize, headFixedSize, indexHeaderSize, recordMagic } from './layout.ts'
import { align8, decodeHead, isWhole, measureHead } from './record.ts'
import { type ByteFile, type CheckpointStorage, readAll } from './storage.ts'

/** Bytes looked through at a time for what may follow damage. */
const pieceSize = 1 << 18

export interface Loaded {
  readonly catalog: Catalog
  /** Bytes behind the last whole record: a save that a crash cut, or is being written now. */
  readonly torn: number
}

/**
 * Reads what a checkpoint file holds: from the index as far as it agrees with the data, and on from the data. A writer
 * makes the files where there are none, cuts what a crash left of a save, and brings the index up to date.
 */
export function load(storage: CheckpointStorage, crc32: Crc32): Loaded {
  const { data, index, isWriter } = storage
  const header = new Uint8Array(dataHeaderSize)
  const found = header.subarray(0, data.read(0, header))
  if (isWriter && isBegun(found)) {
    data.truncate(0)
    data.append([encodeDataHeader(1, crc32)])
    return load(storage, crc32)
  }
  const { firstVersion, checksum } = decodeDataHeader(found, crc32)
  const fromIndex = new Catalog(firstVersion, checksum)
  const indexed = loadIndex(fromIndex, index, data, crc32)
  const isBelieved = indexed > 0 && agrees(fromIndex, data, crc32)
  const catalog = isBelieved ? fromIndex : new Catalog(firstVersion, checksum)
  const known = catalog.records.length
  const size = scan(catalog, data, crc32)
  const torn = size - catalog.end
  if (torn > 0 && hasRecordBehind(data, catalog, size, crc32))
    throw damaged('a record is damaged and others follow', catalog.end)
  if (isWriter) {
    if (torn > 0) data.truncate(catalog.end)
    writeIndex(storage, catalog, checksum, isBelieved ? indexed : 0, known)
  }
  return { catalog, torn }
}

/** Adds the records that were appended since. Returns how many bytes were there, since a writer may be adding to them. */
export function scan(catalog: Catalog, data: ByteFile, crc32: Crc32): number {
  const size = data.size()
  for (let head = readHead(data, catalog.end, size, crc32); head !== undefined; ) {
    catalog.add(decodeHead(head, catalog.end))
    head = readHead(data, catalog.end, size, crc32)
  }
  return size
}

/** The bytes of the head at `offset`, whose checksum is right and whose payload is there. */
export function readHead(data: ByteFile, offset: number, size: number, crc32: Crc32): Uint8Array | undefined {
  const fixed = new Uint8Array(headFixedSize)
  if (size - offset < headFixedSize || !readAll(data, offset, fixed)) return undefined
  const lengths = measureHead(fixed)
  if (lengths === undefined || lengths.headLength + lengths.payloadLength > size - offset) return undefined
  const bytes = new Uint8Array(lengths.headLength)
  return readAll(data, offset, bytes) && isWhole(bytes, crc32) ? bytes : undefined
}

/** How many bytes of the index are good; 0 where nothing is. */
function loadIndex(catalog: Catalog, index: ByteFile, data: ByteFile, crc32: Crc32): number {
  const size = index.size()
  // What is longer than the data cannot be heads of its records, and is not read.
  if (size < indexHeaderSize || size > data.size() + indexHeaderSize) return 0
  const bytes = new Uint8Array(size)
  if (!readAll(index, 0, bytes)) return 0
  if (!encodeIndexHeader(catalog.checksum).every((byte, at) => bytes[at] === byte)) return 0
  let at = indexHeaderSize
  while (size - at >= headFixedSize) {
    const lengths = measureHead(bytes.subarray(at, at + headFixedSize))
    if (lengths === undefined || lengths.headLength > size - at) break
    const head = bytes.subarray(at, at + lengths.headLength)
    if (!isWhole(head, crc32)) break
    try {
      catalog.add(decodeHead(head, catalog.end))
    } catch (error) {
      if (isStasisError(error)) break
      throw error
    }
    at += head.length
  }
  return at
}

/** Heads are chained by their checksums, so where the newest is the same all are. */
function agrees(catalog: Catalog, data: ByteFile, crc32: Crc32): boolean {
  const newest = catalog.records.at(-1)
  if (newest === undefined) return true
  if (catalog.end > data.size()) return false
  const head = readHead(data, newest.offset, catalog.end, crc32)
  return head !== undefined && decodeHead(head, newest.offset).checksum === newest.head.checksum
}

/**
 * Whether a later record stands behind the last whole one: then what lies between is damaged, and no torn tail, since a
 * record is only begun when the one before is written.
 */
function hasRecordBehind(data: ByteFile, catalog: Catalog, size: number, crc32: Crc32): boolean {
  const piece = new Uint8Array(Math.min(pieceSize, align8(Math.max(0, size - catalog.end))))
  for (let from = catalog.end + 8; from < size; from += pieceSize) {
    const count = data.read(from, piece)
    const words = new Uint32Array(piece.buffer, 0, count >> 2)
    for (let at = 0; at < words.length; at += 2) {
      if (words[at] !== recordMagic) continue
      const head = readHead(data, from + at * 4, size, crc32)
      if (head === undefined) continue
      const version = new DataView(head.buffer).getBigUint64(16, true)
      if (version > BigInt(catalog.newest + 1)) return true
    }
  }
  return false
}

function writeIndex(
  { index, data }: CheckpointStorage,
  catalog: Catalog,
  headerChecksum: number,
  good: number,
  known: number,
): void {
  if (index.size() !== good) index.truncate(good)
  if (good === 0) index.append([encodeIndexHeader(headerChecksum)])
  for (const { head, offset } of catalog.records.slice(known)) {
    const bytes = new Uint8Array(head.headLength)
    readAll(data, offset, bytes)
    index.append([bytes])
  }
}
