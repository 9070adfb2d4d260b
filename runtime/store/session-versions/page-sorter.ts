import { pageSize } from '../../image/pages.ts'
import type { Catalog } from '../checkpoint-file/catalog.ts'
import { PageFinder } from '../checkpoint-file/page-finder.ts'
import type { Store } from '../store.ts'
import { crc32 } from './blobs.ts'
import { fetchPages } from './fetch-pages.ts'
import { isSameMemory, isSameRun, type PackedRegion, pageOf } from './packed-region.ts'

/** Pages looked at before other work of the thread gets its turn: about a millisecond or two. */
const windowPages = 512
/** Pages that are compared in one go; most runs of them are as they were. */
const runPages = 32
/** In a table: a page that has no number yet. */
const open = 0xffff_ffff

export interface SaveTools {
  readonly store: Store
  readonly blob: string
  readonly catalog: Catalog
  /** Whether equally long bytes are equal. */
  readonly equal: (a: Uint8Array, b: Uint8Array) => boolean
  /** Lets other work of the thread go first. */
  readonly pause: () => Promise<void>
  /** All stored pages, by checksum. */
  readonly finder: PageFinder
}

/** Finds the catalog's pages by checksum. */
export function finderOf(catalog: Catalog): PageFinder {
  const finder = new PageFinder((page) => catalog.checksumOf(page))
  for (let page = 1; page <= catalog.pages; page++) finder.add(catalog.checksumOf(page), page)
  return finder
}

/** A region of the version before: its table, and its bytes where they are still in memory. */
export interface RegionBefore {
  readonly table: Uint32Array
  readonly region?: PackedRegion | undefined
}

/** Finds for each page of a version where it stands already, and gathers those that have to be stored. */
export class PageSorter {
  /** In the order of their numbers, views of the regions. */
  readonly pages: Uint8Array[] = []
  readonly checksums: number[] = []
  readonly #tools: SaveTools
  readonly #firstPage: number
  /** By checksum the latest of `pages`. */
  readonly #own = new Map<number, number>()
  readonly #padded = new Uint8Array(pageSize)

  constructor(tools: SaveTools) {
    this.#tools = tools
    this.#firstPage = tools.catalog.pages + 1
  }

  /** The region's table. */
  async add(region: PackedRegion, before: RegionBefore | undefined): Promise<Uint32Array> {
    if (before?.region !== undefined && isSameMemory(before.region, region)) return before.table
    const table = new Uint32Array(Math.ceil(region.length / pageSize))
    const checksums = new Uint32Array(windowPages)
    for (let first = 0; first < table.length; first += windowPages) {
      const end = Math.min(first + windowPages, table.length)
      const candidates: number[] = []
      for (let page = first; page < end; page++) {
        if (before?.region !== undefined && page % runPages === 0) {
          page = this.#keepRuns(region, before.region, before.table, table, page, end)
          if (page === end) break
        }
        const bytes = pageOf(region, page)
        if (bytes === undefined || (region.places === undefined && isZero(bytes))) continue
        const known = before?.table[page] ?? 0
        if (known !== 0 && this.#isKept(before!.region, page, bytes)) {
          table[page] = known
          continue
        }
        const checksum = this.#checksum(bytes)
        checksums[page - first] = checksum
        const candidate =
          known !== 0 && this.#tools.catalog.checksumOf(known) === checksum ? known : this.#tools.finder.find(checksum)
        table[page] = candidate || open
        if (candidate !== 0) candidates.push(page)
      }
      await this.#confirm(region, table, candidates)
      for (let page = first; page < end; page++) {
        if (table[page] === open) table[page] = this.#store(pageOf(region, page)!, checksums[page - first]!)
      }
      await this.#tools.pause()
    }
    return table
  }

  /** Takes over whole runs of pages that are as they were; returns the page behind them. */
  #keepRuns(
    region: PackedRegion,
    before: PackedRegion,
    known: Uint32Array,
    table: Uint32Array,
    first: number,
    end: number,
  ): number {
    let page = first
    while (page < end) {
      const to = Math.min(page + runPages, end)
      if (!isSameRun(region, before, page, to, this.#tools.equal)) return page
      table.set(known.subarray(page, to), page)
      page = to
    }
    return page
  }

  #isKept(before: PackedRegion | undefined, page: number, bytes: Uint8Array): boolean {
    const then = before && pageOf(before, page)
    return then !== undefined && then.length === bytes.length && this.#tools.equal(then, bytes)
  }

  #checksum(page: Uint8Array): number {
    if (page.length === pageSize) return crc32(page)
    this.#padded.set(page)
    return crc32(this.#padded.fill(0, page.length))
  }

  /** Checksums can be equal by chance: the bytes decide. */
  async #confirm(region: PackedRegion, table: Uint32Array, candidates: number[]): Promise<void> {
    if (candidates.length === 0) return
    const places = candidates.sort((a, b) => table[a]! - table[b]!)
    const stored = places.map((page) => table[page]!)
    const isSame = new Set<number>()
    await fetchPages(
      this.#tools,
      stored,
      (theirs, at) => {
        const ours = pageOf(region, places[at]!)!
        if (this.#tools.equal(ours, theirs.subarray(0, ours.length)) && isZero(theirs.subarray(ours.length)))
          isSame.add(places[at]!)
      },
      { strict: false },
    )
    for (const page of places) if (!isSame.has(page)) table[page] = open
  }

  #store(page: Uint8Array, checksum: number): number {
    const known = this.#own.get(checksum)
    if (known !== undefined && this.#isEqual(page, this.pages[known]!)) return this.#firstPage + known
    this.#own.set(checksum, this.pages.length)
    this.checksums.push(checksum)
    return this.#firstPage + this.pages.push(page) - 1
  }

  /** Pages may be cut; what is missing are zeros. */
  #isEqual(a: Uint8Array, b: Uint8Array): boolean {
    const common = Math.min(a.length, b.length)
    const rest = (a.length > b.length ? a : b).subarray(common)
    return this.#tools.equal(a.subarray(0, common), b.subarray(0, common)) && isZero(rest)
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return false
  return true
}
