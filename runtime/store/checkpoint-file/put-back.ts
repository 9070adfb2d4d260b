import { pageSize } from '../../image/pages.ts'
import type { Catalog, SavedRegion } from './catalog.ts'
import { forEachRun, type PageReader, windowPages } from './page-reader.ts'
import { otherLength } from './regions.ts'

export interface Target {
  readonly bytes: Uint8Array
  readonly saved: SavedRegion
}

/**
 * Puts saved versions into memory, all or none. Everything is read twice, first to be checked and then to its place:
 * that is cheaper than a copy of the regions, and leaves them alone when something is damaged. What this process has written since it
 * opened the file is read once, and not checked: a checksum costs as much as the rest.
 */
export function putBack(
  targets: readonly Target[],
  tools: { readonly catalog: Catalog; readonly reader: PageReader },
): void {
  const { catalog, reader } = tools
  for (const { bytes, saved } of targets) {
    if (bytes.length !== saved.length) throw otherLength(saved.name, bytes.length, saved.length)
  }
  const plans = targets.map(({ saved }) => planOf(catalog.table(saved)))
  for (const { runs, spans } of plans) {
    for (const { count, page } of runs) if (page !== 0 && !reader.isOwn(page)) reader.verify(page, count)
    for (const { page, count, pages } of spans) if (!reader.isOwn(page)) reader.verifySome(page, count, pages)
  }
  targets.forEach(({ bytes }, i) => {
    const { runs, spans } = plans[i]!
    for (const { first, count, page } of runs) {
      const target = bytes.subarray(first * pageSize, (first + count) * pageSize)
      if (page === 0) target.fill(0)
      else reader.read(page, target)
    }
    for (const { page, count, pages, places } of spans) {
      const view = reader.view(page, count)
      for (let at = 0; at < places.length; at++) {
        const from = (pages[at]! - page) * pageSize
        const to = places[at]! * pageSize
        bytes.set(view.subarray(from, from + Math.min(pageSize, bytes.length - to)), to)
      }
    }
  })
}

interface Plan {
  /** Pages that follow each other in memory and in the file. */
  readonly runs: readonly { readonly first: number; readonly count: number; readonly page: number }[]
  /** Stretches of the file of which most pages are needed, here and there. */
  readonly spans: readonly Span[]
}

interface Span {
  readonly page: number
  readonly count: number
  /** Those needed, ascending. */
  readonly pages: Uint32Array
  /** And where in the region they belong. */
  readonly places: Uint32Array
}

/** Shorter runs than this are read together with others that are near in the file: a call of the system costs as much. */
const shortRun = 16
const largestGap = 8

/** After many versions a region's pages lie scattered in the file, in the order in which they changed. */
function planOf(table: Uint32Array): Plan {
  const runs: { first: number; count: number; page: number }[] = []
  const loose: number[] = []
  forEachRun(table, (first, count, page) => {
    if (page === 0 || count >= shortRun) runs.push({ first, count, page })
    else for (let i = 0; i < count; i++) loose.push(first + i)
  })
  const sorted = Uint32Array.from(loose).sort((a, b) => table[a]! - table[b]!)
  const stored = sorted.map((place) => table[place]!)
  const spans: Span[] = []
  for (let from = 0; from < sorted.length; ) {
    const page = stored[from]!
    let to = from + 1
    let last = page
    for (; to < sorted.length; to++) {
      const next = stored[to]!
      if (next - last > largestGap || next - page >= windowPages) break
      last = next
    }
    const [pages, places] = [stored.subarray(from, to), sorted.subarray(from, to)]
    spans.push({ page, count: last - page + 1, pages, places })
    from = to
  }
  return { runs, spans }
}
