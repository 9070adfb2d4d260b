import { pageSize, scanPages } from '../../image/pages.ts'
import type { Catalog } from './catalog.ts'
import type { Crc32 } from './layout.ts'
import { PageFinder } from './page-finder.ts'
import { type PageReader, windowPages } from './page-reader.ts'

/** In a table: a page that has no number yet. */
const open = 0xffff_ffff

export interface PageTools {
  readonly catalog: Catalog
  readonly reader: PageReader
  readonly finder: PageFinder
  readonly crc32: Crc32
  readonly equal: (a: Uint8Array, b: Uint8Array) => boolean
}

/** Gathers the pages that a record has to store: those that are not zeros and stand nowhere yet. */
export class PageCollector {
  /** In the order of their numbers, each up to 4 KiB, views of the regions. */
  readonly pages: Uint8Array[] = []
  readonly checksums: number[] = []
  readonly #tools: PageTools
  readonly #firstPage: number
  /** By checksum the first of `pages`, counted from 1. */
  readonly #own = new PageFinder((count) => this.checksums[count - 1]!)
  readonly #padded = new Uint8Array(pageSize)

  constructor(tools: PageTools) {
    this.#tools = tools
    this.#firstPage = tools.catalog.pages + 1
  }

  /** The table of a region's pages. `base` is that of its version before, whose pages most likely are the same. */
  add(bytes: Uint8Array, base?: Uint32Array): Uint32Array {
    const { present } = scanPages(bytes)
    const table = new Uint32Array(Math.ceil(bytes.length / pageSize))
    const checksums = new Uint32Array(windowPages)
    // A view costs a third of its page's checksum, so each is made once.
    const views = new Array<Uint8Array>(windowPages)
    for (let first = 0; first < table.length; first += windowPages) {
      const end = Math.min(first + windowPages, table.length)
      let isKnown = false
      for (let page = first; page < end; page++) {
        if ((present[page >> 3]! & (1 << (page & 7))) === 0) continue
        const view = pageOf(bytes, page)
        const checksum = this.#checksum(view)
        views[page - first] = view
        checksums[page - first] = checksum
        const candidate = this.#candidate(checksum, base === undefined ? 0 : base[page]!)
        if (candidate !== open) isKnown = true
        table[page] = candidate
      }
      if (isKnown) this.#confirm(bytes, table, first, end)
      for (let page = first; page < end; page++) {
        if (table[page] === open) table[page] = this.#store(views[page - first]!, checksums[page - first]!)
      }
    }
    return table
  }

  #checksum(page: Uint8Array): number {
    return this.#tools.crc32(page.length === pageSize ? page : this.#pad(page))
  }

  #pad(page: Uint8Array): Uint8Array {
    this.#padded.set(page)
    return this.#padded.fill(0, page.length)
  }

  #candidate(checksum: number, before: number): number {
    const { catalog, finder } = this.#tools
    if (before !== 0 && catalog.checksumOf(before) === checksum) return before
    return finder.find(checksum) || open
  }

  /** Checksums can be equal by chance: the bytes decide. Pages that follow each other in the file are read at once. */
  #confirm(bytes: Uint8Array, table: Uint32Array, first: number, end: number): void {
    for (let page = first; page < end; ) {
      const stored = table[page]!
      let count = 1
      if (stored !== 0 && stored !== open) {
        while (page + count < end && table[page + count] === stored + count) count++
        if (!this.#isSame(bytes, page, stored, count)) {
          for (let i = 0; i < count; i++) {
            if (count === 1 || !this.#isSame(bytes, page + i, stored + i, 1)) table[page + i] = open
          }
        }
      }
      page += count
    }
  }

  #isSame(bytes: Uint8Array, page: number, stored: number, count: number): boolean {
    const { reader, equal } = this.#tools
    const ours = bytes.subarray(page * pageSize, (page + count) * pageSize)
    const theirs = reader.view(stored, count)
    return equal(ours, theirs.subarray(0, ours.length)) && theirs.subarray(ours.length).every((byte) => byte === 0)
  }

  #store(page: Uint8Array, checksum: number): number {
    const known = this.#own.find(checksum) - 1
    if (known >= 0 && this.#isEqual(page, this.pages[known]!)) return this.#firstPage + known
    const count = this.pages.push(page)
    this.checksums.push(checksum)
    if (known < 0) this.#own.add(checksum, count)
    return this.#firstPage + count - 1
  }

  /** Pages may be cut; what is missing are zeros. */
  #isEqual(a: Uint8Array, b: Uint8Array): boolean {
    const common = Math.min(a.length, b.length)
    const rest = (a.length > b.length ? a : b).subarray(common)
    return this.#tools.equal(a.subarray(0, common), b.subarray(0, common)) && rest.every((byte) => byte === 0)
  }
}

function pageOf(bytes: Uint8Array, page: number): Uint8Array {
  return bytes.subarray(page * pageSize, Math.min((page + 1) * pageSize, bytes.length))
}
