import { pageSize } from '../../image/pages.ts'
import type { Catalog, SavedRegion } from './catalog.ts'
import { forEachRun, type PageReader } from './page-reader.ts'
import { otherLength } from './regions.ts'

export interface Target {
  readonly bytes: Uint8Array
  readonly saved: SavedRegion
}

/**
 * Puts saved versions into memory, all or none. Everything is read twice, first to be checked and then to its place:
 * that is cheaper than a copy of the regions, and leaves them alone when something is damaged.
 */
export function putBack(
  targets: readonly Target[],
  tools: { readonly catalog: Catalog; readonly reader: PageReader },
): void {
  const { catalog, reader } = tools
  for (const { bytes, saved } of targets) {
    if (bytes.length !== saved.length) throw otherLength(saved.name, bytes.length, saved.length)
  }
  const tables = targets.map(({ saved }) => catalog.table(saved))
  for (const table of tables) {
    forEachRun(table, (_first, count, page) => {
      if (page !== 0) reader.verify(page, count)
    })
  }
  targets.forEach(({ bytes }, i) => {
    forEachRun(tables[i]!, (first, count, page) => {
      const target = bytes.subarray(first * pageSize, (first + count) * pageSize)
      if (page === 0) target.fill(0)
      else reader.read(page, target)
    })
  })
}
