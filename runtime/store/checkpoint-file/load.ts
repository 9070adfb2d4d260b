import { isStasisError } from '../../../wasm-shim/errors.ts'
import { Catalog } from './catalog.ts'
import { findRecordBehind } from './find-record.ts'
import { decodeDataHeader, encodeDataHeader, encodeIndexHeader, isBegun } from './headers.ts'
import { type Crc32, damaged, dataHeaderSize, headFixedSize, indexHeaderSize } from './layout.ts'
import { readHead } from './read-head.ts'
import { type Reading, readSync } from './reading.ts'
import { decodeHead, encodeHead, isWhole, measureHead } from './record.ts'
import type { CheckpointStorage } from './storage.ts'

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
  // The index first: what it has that the data lacks was written in between.
  const sizes = { index: index.size(), data: data.size() }
  const fromIndex = new Catalog(firstVersion, checksum)
  const indexed = readSync(loadIndex(fromIndex, checksum, sizes, crc32), storage)
  const isBelieved = indexed > 0 && readSync(agrees(fromIndex, sizes.data, crc32), storage)
  const catalog = isBelieved ? fromIndex : new Catalog(firstVersion, checksum)
  const known = catalog.records.length
  const size = sizes.data
  readSync(scan(catalog, size, crc32), storage)
  const torn = size - catalog.end
  if (torn > 0 && readSync(findRecordBehind(catalog, size, crc32), storage) !== undefined)
    throw damaged('a record is damaged and others follow', catalog.end)
  if (isWriter) {
    if (torn > 0) data.truncate(catalog.end)
    writeIndex(storage, catalog, checksum, isBelieved ? indexed : 0, known, crc32)
  }
  return { catalog, torn }
}

/** Adds the records that were appended since, as far as byte `size`. */
export function* scan(catalog: Catalog, size: number, crc32: Crc32): Reading<void> {
  for (let head = yield* readHead(catalog.end, size, crc32); head !== undefined; ) {
    catalog.add(decodeHead(head, catalog.end))
    head = yield* readHead(catalog.end, size, crc32)
  }
}

/**
 * How many bytes of the index are good; 0 where nothing is. `of` is the checksum of the data file's header, `sizes` those of
 * the files.
 */
export function* loadIndex(
  catalog: Catalog,
  of: number,
  sizes: { readonly data: number; readonly index: number },
  crc32: Crc32,
): Reading<number> {
  const size = sizes.index
  // What is longer than the data cannot be heads of its records, and is not read.
  if (size < indexHeaderSize || size > sizes.data + indexHeaderSize) return 0
  const bytes: Uint8Array = yield { file: 'index', offset: 0, length: size }
  if (bytes.length < size) return 0
  if (!encodeIndexHeader(of).every((byte, at) => bytes[at] === byte)) return 0
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
export function* agrees(catalog: Catalog, dataSize: number, crc32: Crc32): Reading<boolean> {
  const newest = catalog.records.at(-1)
  if (newest === undefined) return true
  if (catalog.end > dataSize) return false
  const head = yield* readHead(newest.offset, catalog.end, crc32)
  return head !== undefined && decodeHead(head, newest.offset).checksum === newest.head.checksum
}

function writeIndex(
  { index }: CheckpointStorage,
  catalog: Catalog,
  headerChecksum: number,
  good: number,
  known: number,
  crc32: Crc32,
): void {
  if (index.size() !== good) index.truncate(good)
  if (good === 0) index.append([encodeIndexHeader(headerChecksum)])
  for (const { head } of catalog.records.slice(known)) index.append([encodeHead(head, crc32)])
}
