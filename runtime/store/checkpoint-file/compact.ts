import type { PageCodec } from '../../codec/compression.ts'
import { pageSize } from '../../image/pages.ts'
import { Catalog, type SavedRecord, type SavedRegion } from './catalog.ts'
import { PageCollector, type PageTools } from './collect.ts'
import { packPages } from './groups.ts'
import { decodeDataHeader, encodeDataHeader } from './headers.ts'
import { pagesOf } from './layout.ts'
import { MemoryFile } from './memory-storage.ts'
import { PageFinder } from './page-finder.ts'
import { forEachRun, PageReader } from './page-reader.ts'
import { decodeHead, encodeHead, RecordKind } from './record.ts'
import { removalHead } from './removal.ts'
import type { ByteFile, CheckpointStorage } from './storage.ts'
import { appendRecord, buildRecord, regionEntry } from './write-record.ts'

/**
 * Writes a data file with the `keep` newest versions, and of each region the newest version before them, which they
 * may need. Pages are checked while they are read. Holds one version in memory at a time.
 */
export function compactInto(fresh: ByteFile, old: PageTools, keep: number, codec: PageCodec): void {
  const { crc32, equal } = old
  const firstVersion = old.catalog.versions().slice(-keep)[0] ?? old.catalog.firstVersion
  const header = encodeDataHeader(firstVersion, crc32)
  fresh.append([header])
  const catalog = new Catalog(firstVersion, decodeDataHeader(header, crc32).checksum)
  const reader = new PageReader(catalog, fresh, crc32)
  const finder = new PageFinder((page) => catalog.checksumOf(page))
  const storage = { data: fresh, index: new NoIndex() }
  const tables = new Map<string, { readonly saved: SavedRegion; readonly table: Uint32Array }>()
  for (const record of old.catalog.records) {
    if (record.head.kind === RecordKind.removal) continue
    const kept = keptRegions(record, old.catalog, firstVersion)
    if (kept.length === 0 && record.head.version < firstVersion) continue
    const collector = new PageCollector({ catalog, reader, finder, crc32, equal })
    const states = kept.map((saved) => {
      const before = tables.get(saved.name)
      const table = collector.add(
        readRegion(saved, old),
        before?.saved.length === saved.length ? before.table : undefined,
      )
      return { name: saved.name, length: saved.length, version: saved.version, table, before }
    })
    const { version, time, note } = record.head
    const regions = states.map((state) => regionEntry(state, catalog))
    appendRecord(
      storage,
      buildRecord(
        {
          version,
          time,
          note,
          regions,
          packed: packPages(collector.pages, codec, crc32),
          checksums: collector.checksums,
        },
        catalog,
        crc32,
      ),
      catalog,
      false,
    )
    collector.checksums.forEach((checksum, i) => {
      finder.add(checksum, catalog.pages - collector.checksums.length + 1 + i)
    })
    for (const { name, table } of states) tables.set(name, { saved: catalog.regions.get(name)!.at(-1)!, table })
  }
  removeAgain(storage, catalog, old)
}

/** As records, what was removed and is needed stays removed. */
function removeAgain(storage: Pick<CheckpointStorage, 'data' | 'index'>, catalog: Catalog, old: PageTools): void {
  const removed = catalog.versions().filter((version) => old.catalog.removed.has(version))
  if (removed.length === 0) return
  const headBytes = encodeHead(removalHead(removed, catalog, 0), old.crc32)
  appendRecord(storage, { head: decodeHead(headBytes, catalog.end), headBytes, parts: [headBytes] }, catalog, false)
}

/** Those of a record that a version from `firstVersion` on shows. */
function keptRegions({ head }: SavedRecord, catalog: Catalog, firstVersion: number): SavedRegion[] {
  return head.regions
    .map(({ name, version }) => catalog.regions.get(name)!.find((saved) => saved.version === version)!)
    .filter((saved) => saved.fileVersion >= firstVersion || catalog.at(saved.name, firstVersion) === saved)
}

function readRegion(saved: SavedRegion, { catalog, reader }: PageTools): Uint8Array {
  const bytes = new Uint8Array(pagesOf(saved.length) * pageSize)
  forEachRun(catalog.table(saved), (first, count, page) => {
    if (page === 0) return
    reader.verify(page, count)
    reader.read(page, bytes.subarray(first * pageSize, (first + count) * pageSize))
  })
  return bytes.subarray(0, saved.length)
}

/** The fresh file gets its index when it is opened. */
class NoIndex extends MemoryFile {
  override append(): void {}
}
