import type { PageCodec } from '../../codec/compression.ts'
import { pageSize } from '../../image/pages.ts'
import { Catalog, type SavedRecord, type SavedRegion } from '../checkpoint-file/catalog.ts'
import { packPages } from '../checkpoint-file/groups.ts'
import { decodeDataHeader, encodeDataHeader, encodeIndexHeader } from '../checkpoint-file/headers.ts'
import { Codec } from '../checkpoint-file/layout.ts'
import { encodeHead } from '../checkpoint-file/record.ts'
import { buildRecord, regionEntry } from '../checkpoint-file/write-record.ts'
import type { Store } from '../store.ts'
import { blobsOf, crc32 } from './blobs.ts'
import { fetchRuns } from './fetch-pages.ts'
import { readSessionFile } from './session-file.ts'

/** Bytes of stored pages that no version needs any more, and of all others. Compressed ones count as they lie in the file. */
export function garbageOf(catalog: Catalog): { readonly garbage: number; readonly live: number } {
  const isNeeded = new Uint8Array(catalog.pages + 1)
  for (const record of catalog.saves()) for (const table of tablesOf(record, catalog)) mark(isNeeded, table)
  let live = 0
  let garbage = 0
  for (let page = 1; page <= catalog.pages; page++) {
    const { length, pages } = catalog.place(page)
    if (isNeeded[page] === 1) live += length / pages
    else garbage += length / pages
  }
  return { garbage: Math.round(garbage), live: Math.round(live) }
}

function mark(isNeeded: Uint8Array, table: Uint32Array): void {
  for (const page of table) isNeeded[page] = 1
}

function tablesOf({ head: { version, regions } }: SavedRecord, catalog: Catalog): Uint32Array[] {
  return regions.flatMap(({ name }) => {
    const saved = savedAt(catalog, name, version)
    try {
      return [catalog.table(saved)]
    } catch {
      // Of a version that is damaged nothing can be used.
      return []
    }
  })
}

function savedAt(catalog: Catalog, name: string, version: number): SavedRegion {
  return catalog.regions.get(name)!.find(({ fileVersion }) => fileVersion === version)!
}

/**
 * Writes a fresh file with the versions that were not removed, and puts it in the place of the old one at once. Pages go with
 * the checksums that they were saved with, so that what is damaged stays known as that. Holds what one version stored in
 * memory. `codec`: how pages are written then; default: as they were. Returns the sizes before and after; undefined where there is no file.
 */
export async function compactFile(
  store: Store,
  session: string,
  { codec }: { readonly codec?: PageCodec | undefined } = {},
): Promise<{ readonly before: number; readonly after: number } | undefined> {
  const file = await readSessionFile(store, session)
  if (file === undefined) return undefined
  const { catalog: old, sizes } = file
  const { data, index, fresh } = blobsOf(session)
  const records = old.saves().filter((record) => tablesOf(record, old).length === record.head.regions.length)
  const header = encodeDataHeader(records[0]?.head.version ?? 1, crc32)
  const { firstVersion, checksum } = decodeDataHeader(header, crc32)
  const catalog = new Catalog(firstVersion, checksum)
  await store.append(fresh, 0, [header])
  /** For each page of the old file its number in the fresh one. */
  const numbers = new Uint32Array(old.pages + 1)
  for (const record of records) {
    const { version, time, note, regions } = record.head
    const olds = regions.map(({ name }) => savedAt(old, name, version))
    const tables = olds.map((saved) => old.table(saved))
    const needed = newPages(tables, numbers, catalog.pages + 1)
    const room = new Uint8Array(needed.length * pageSize)
    const source = { store, blob: data, catalog: old }
    const keep = (bytes: Uint8Array, start: number, at: number, count: number): void => {
      room.set(bytes.subarray(start, start + count * pageSize), at * pageSize)
    }
    await fetchRuns(source, needed, keep, { strict: false })
    const pages = Array.from(needed, (page, at) => room.subarray(at * pageSize, at * pageSize + lengthOf(old, page)))
    const packed = packPages(pages, codec ?? codecOf(old, needed), crc32)
    const entries = olds.map((saved, i) => {
      const table = tables[i]!.map((page) => numbers[page]!)
      const before = catalog.regions.get(saved.name)?.at(-1)
      const state = { name: saved.name, length: saved.length, version: saved.version, table }
      return regionEntry({ ...state, before: before && { saved: before, table: catalog.table(before) } }, catalog)
    })
    const checksums = Uint32Array.from(needed, (page) => old.checksumOf(page))
    const built = buildRecord({ version, time, note, regions: entries, packed, checksums }, catalog, crc32)
    await store.append(fresh, catalog.end, built.parts)
    catalog.add(built.head)
  }
  // An index that tells of other data must not be there at any time.
  await store.delete(index)
  await store.rename(fresh, data)
  const heads = catalog.records.map(({ head }) => encodeHead(head, crc32))
  const parts = [encodeIndexHeader(checksum), ...heads]
  await store.put(index, parts)
  const after = catalog.end + parts.reduce((sum, { length }) => sum + length, 0)
  return { before: sizes.data + sizes.index, after }
}

/** How a version's pages were to be kept: groups that are no smaller are stored all the same. */
function codecOf(catalog: Catalog, pages: Uint32Array): PageCodec {
  const packed = pages.find((page) => catalog.place(page).codec > Codec.stored)
  if (packed === undefined) return 'stored'
  return catalog.place(packed).codec === Codec.zstd ? 'zstd' : 'deflate'
}

/** Of a page as it is stored: zeros at the end of a group's last one are left out. */
function lengthOf(catalog: Catalog, page: number): number {
  const { codec, length, firstPage } = catalog.place(page)
  return codec === Codec.stored ? Math.min(pageSize, length - (page - firstPage) * pageSize) : pageSize
}

/** Those pages of the tables that have no number yet, ascending; they are given the numbers from `first` on. */
function newPages(tables: readonly Uint32Array[], numbers: Uint32Array, first: number): Uint32Array {
  const found = new Set<number>()
  for (const table of tables) for (const page of table) if (page !== 0 && numbers[page] === 0) found.add(page)
  const pages = Uint32Array.from(found).sort()
  pages.forEach((page, i) => {
    numbers[page] = first + i
  })
  return pages
}
