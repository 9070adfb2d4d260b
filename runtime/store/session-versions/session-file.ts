import { isStasisError, type StasisError } from '../../../wasm-shim/errors.ts'
import { Catalog } from '../checkpoint-file/catalog.ts'
import { findRecordBehind } from '../checkpoint-file/find-record.ts'
import { decodeDataHeader, encodeDataHeader } from '../checkpoint-file/headers.ts'
import { damaged, dataHeaderSize, indexHeaderSize } from '../checkpoint-file/layout.ts'
import { loadIndex, scan } from '../checkpoint-file/load.ts'
import { readHead } from '../checkpoint-file/read-head.ts'
import { type Reading, readAsync } from '../checkpoint-file/reading.ts'
import { decodeHead, type ReadHead, RecordKind } from '../checkpoint-file/record.ts'
import type { Store } from '../store.ts'
import { blobsOf, crc32, readerOf } from './blobs.ts'

/** What a session's checkpoint file holds, as it was when it was read. */
export interface SessionFile {
  readonly catalog: Catalog
  /** Bytes of the index that are good, and how many records they tell of; 0 where it has to be written anew. */
  readonly indexed: number
  readonly known: number
  /** Bytes of the two blobs. */
  readonly sizes: { readonly data: number; readonly index: number }
  /** Versions that the index tells of, and whose data is cut off or cannot be read. */
  readonly missing: readonly ReadHead[]
  /** What is wrong where something is. */
  readonly error?: StasisError
}

type Sizes = SessionFile['sizes']

/** undefined where the session has none. Never throws for what is in the blobs. */
export async function readSessionFile(store: Store, session: string): Promise<SessionFile | undefined> {
  const file = await readOnce(store, session)
  // Somebody may be writing to it at this moment, or putting a fresh one in its place.
  return file?.error === undefined ? file : readOnce(store, session)
}

async function readOnce(store: Store, session: string): Promise<SessionFile | undefined> {
  const { data, index } = blobsOf(session)
  const blobs = await store.list(data.slice(0, -'ckp'.length))
  const sizeOf = (blob: string) => blobs.find(({ name }) => name === blob)?.size
  const sizes = { data: sizeOf(data) ?? 0, index: sizeOf(index) ?? 0 }
  if (sizes.data === 0) return undefined
  return readAsync(readFile(sizes), readerOf(store, session))
}

function* readFile(sizes: Sizes): Reading<SessionFile> {
  const { header, error } = headerOf(yield { file: 'data', offset: 0, length: dataHeaderSize })
  const fromIndex = yield* indexCatalog(header, sizes)
  const kept = fromIndex && (yield* agreeing(fromIndex.catalog, sizes.data))
  const { firstVersion, checksum } = header ?? (yield* headerBefore(sizes.data))
  const catalog = kept ?? new Catalog(firstVersion, checksum)
  if (
    kept === undefined &&
    header === undefined &&
    (yield* readHead(dataHeaderSize, sizes.data, crc32)) === undefined
  ) {
    return {
      catalog,
      indexed: 0,
      known: 0,
      sizes,
      missing: fromIndex?.catalog.records.map(({ head }) => head) ?? [],
      error,
    }
  }
  const ahead = kept === undefined ? [] : fromIndex!.catalog.records.slice(kept.records.length)
  const isWhole = kept !== undefined && ahead.length === 0
  const known = isWhole ? catalog.records.length : 0
  const indexed = isWhole ? fromIndex!.bytes : 0
  yield* scanSafely(catalog, sizes.data)
  // An index is written after the data: one that is good to its end tells that no damage hides a later version.
  if (!isWhole || indexed < sizes.index) yield* passDamage(catalog, sizes.data)
  const missing = ahead.filter(({ head }) => head.kind !== RecordKind.removal && head.version > catalog.newest)
  const isDamaged = missing.length > 0 || catalog.lost.size > 0
  return {
    catalog,
    ...(catalog.lost.size > 0 ? { indexed: 0, known: 0 } : { indexed, known }),
    sizes,
    missing: missing.map(({ head }) => head),
    ...(isDamaged && { error: damaged('a version is cut off, or its record is damaged', catalog.end) }),
  }
}

function headerOf(bytes: Uint8Array) {
  try {
    return { header: decodeDataHeader(bytes, crc32) } as const
  } catch (error) {
    if (!isStasisError(error)) throw error
    return { header: undefined, error } as const
  }
}

/** What the header was, as the first record tells; where there is none, what it will be. */
function* headerBefore(size: number): Reading<{ readonly firstVersion: number; readonly checksum: number }> {
  const bytes = yield* readHead(dataHeaderSize, size, crc32)
  if (bytes === undefined) return decodeDataHeader(encodeDataHeader(1, crc32), crc32)
  return { firstVersion: 1, checksum: decodeHead(bytes, dataHeaderSize).previous }
}

/** As far as records follow each other. */
function* scanSafely(catalog: Catalog, size: number): Reading<void> {
  try {
    yield* scan(catalog, size, crc32)
  } catch (error) {
    if (!isStasisError(error)) throw error
  }
}

/** As the index tells, which is believed by itself where the data file's header is damaged. */
function* indexCatalog(
  header: { readonly firstVersion: number; readonly checksum: number } | undefined,
  sizes: Sizes,
): Reading<{ readonly catalog: Catalog; readonly bytes: number } | undefined> {
  if (sizes.index < indexHeaderSize) return undefined
  const start: Uint8Array = yield { file: 'index', offset: 0, length: indexHeaderSize }
  const of = header?.checksum ?? new DataView(start.buffer, start.byteOffset).getUint32(12, true)
  const catalog = new Catalog(header?.firstVersion ?? 1, of)
  const bytes = yield* loadIndex(catalog, of, { ...sizes, data: Number.MAX_SAFE_INTEGER }, crc32)
  return bytes > 0 && catalog.records.length > 0 ? { catalog, bytes } : undefined
}

/**
 * The records whose data is there. Heads are chained by their checksums: where one is the same in the data all before it are.
 * One that cannot be read there is believed; one that is another there is not, nor what follows it.
 */
function* agreeing(all: Catalog, dataSize: number): Reading<Catalog | undefined> {
  let end = all.records.length
  let isAnchored = false
  for (let i = end - 1; i >= 0 && !isAnchored; i--) {
    const { head, offset } = all.records[i]!
    const bytes = yield* readHead(offset, dataSize, crc32)
    if (bytes === undefined) continue
    isAnchored = decodeHead(bytes, offset).checksum === head.checksum
    if (!isAnchored) end = i
  }
  if (!isAnchored && end < all.records.length) return undefined
  if (end === all.records.length && all.end <= dataSize) return all
  const catalog = new Catalog(all.firstVersion, all.records[0]!.head.previous)
  for (const { head } of all.records.slice(0, end)) {
    if (catalog.end + head.headLength + head.payloadLength > dataSize) break
    catalog.add(head)
  }
  return catalog
}

/** Goes on behind damaged records, so that they hide no later version. */
function* passDamage(catalog: Catalog, size: number): Reading<void> {
  while (catalog.end < size) {
    const found = yield* findRecordBehind(catalog, size, crc32, catalog.newest + 1)
    if (found === undefined) return
    try {
      const head = decodeHead(found.bytes, found.offset)
      catalog.skip(head, found.offset)
      yield* scan(catalog, size, crc32)
    } catch (error) {
      if (isStasisError(error)) return
      throw error
    }
  }
}
