import { pageSize } from '../../image/pages.ts'
import type { Catalog, Place } from './catalog.ts'
import { unpackGroup } from './groups.ts'
import { Codec, type Crc32, damaged } from './layout.ts'
import { PageChecksums } from './page-checksums.ts'
import type { ByteFile } from './storage.ts'

/** Pages read at a time. */
export const windowPages = 64

/** Reads stored pages by their numbers, wherever they lie. Throws STASIS_CKP_DAMAGED. */
export class PageReader {
  readonly #catalog: Catalog
  readonly #data: ByteFile
  readonly #crc32: Crc32
  readonly #checksums: PageChecksums
  /** Pages from this number on were written through the same open file, by whoever reads them. */
  readonly #ownFrom: number
  readonly #scratch = new Uint8Array(windowPages * pageSize)
  #unpacked: { readonly place: Place; readonly bytes: Uint8Array } | undefined

  /** `isWriter`: pages that are added to the catalog from now on are written by us. */
  constructor(catalog: Catalog, data: ByteFile, crc32: Crc32, isWriter = false) {
    this.#catalog = catalog
    this.#ownFrom = isWriter ? catalog.pages + 1 : Number.POSITIVE_INFINITY
    this.#data = data
    this.#crc32 = crc32
    this.#checksums = new PageChecksums(crc32)
  }

  /** Fills `target` with the pages from `page` on; it may end inside the last of them. */
  read(page: number, target: Uint8Array): void {
    let at = 0
    while (at < target.length) {
      const place = this.#catalog.place(page)
      const from = (page - place.firstPage) * pageSize
      const size = Math.min(target.length - at, place.pages * pageSize - from)
      const part = target.subarray(at, at + size)
      if (place.codec === Codec.stored) this.#readStored(place, from, part)
      else part.set(this.#unpack(place).subarray(from, from + size))
      at += size
      page += Math.ceil(size / pageSize)
    }
  }

  /** The pages' bytes, at most `windowPages` of them, until the next call of a method. */
  view(page: number, count: number): Uint8Array {
    const bytes = this.#scratch.subarray(0, count * pageSize)
    this.read(page, bytes)
    return bytes
  }

  /** Throws unless `count` pages from `page` on are what was saved. */
  verify(page: number, count: number): void {
    for (let done = 0; done < count; done += windowPages) {
      const size = Math.min(windowPages, count - done)
      const bytes = this.view(page + done, size)
      if (this.#isWhole(page + done, bytes)) continue
      for (let i = 0; i < size; i++) this.#verifyOne(page + done, page + done + i, bytes)
    }
  }

  /** Whether the page was written since the file was opened: what was given to be written need not be checked. */
  isOwn(page: number): boolean {
    return page >= this.#ownFrom
  }

  /** The same for some of at most `windowPages` pages, in one reading. */
  verifySome(page: number, count: number, needed: Uint32Array): void {
    const bytes = this.view(page, count)
    // A call for each page costs about a third more than the bytes of one.
    if (needed.length * 4 >= count * 3 && this.#isWhole(page, bytes)) return
    for (const one of needed) this.#verifyOne(page, one, bytes)
  }

  #isWhole(page: number, bytes: Uint8Array): boolean {
    const expected = this.#checksums.join((i) => this.#catalog.checksumOf(page + i), bytes.length / pageSize)
    return this.#crc32(bytes) === expected
  }

  #verifyOne(first: number, page: number, bytes: Uint8Array): void {
    const from = (page - first) * pageSize
    if (this.#crc32(bytes.subarray(from, from + pageSize)) === this.#catalog.checksumOf(page)) return
    throw damaged('the checksum of a page is wrong', this.#catalog.place(page).offset)
  }

  #readStored({ offset, length }: Place, from: number, target: Uint8Array): void {
    const present = target.subarray(0, Math.max(0, Math.min(target.length, length - from)))
    if (this.#data.read(offset + from, present) !== present.length) throw damaged('it ends inside a page', offset)
    target.fill(0, present.length)
  }

  #unpack(place: Place): Uint8Array {
    if (this.#unpacked?.place !== place) {
      const packed = new Uint8Array(place.length)
      if (this.#data.read(place.offset, packed) !== packed.length) throw damaged('it ends inside a page', place.offset)
      const bytes = unpackGroup(place, packed, this.#crc32)
      if (bytes === undefined) throw damaged('a group of pages is not what was saved', place.offset)
      this.#unpacked = { place, bytes }
    }
    return this.#unpacked.bytes
  }
}

/** Calls `each` for each run of pages of a table that follow each other in the file, or are zeros (`page` is 0). */
export function forEachRun(table: Uint32Array, each: (first: number, count: number, page: number) => void): void {
  for (let first = 0; first < table.length; ) {
    const page = table[first]!
    let count = 1
    while (first + count < table.length && table[first + count] === (page === 0 ? 0 : page + count)) count++
    each(first, count, page)
    first += count
  }
}

/** The runs by which `table` differs from `base`; from nothing but zeros where there is no base. */
export function runsBetween(table: Uint32Array, base?: Uint32Array): Uint32Array {
  const runs: number[] = []
  for (let first = 0; first < table.length; ) {
    const page = table[first]!
    if (page === (base === undefined ? 0 : base[first]!)) {
      first++
      continue
    }
    let count = 1
    while (
      first + count < table.length &&
      table[first + count] === (page === 0 ? 0 : page + count) &&
      table[first + count] !== (base === undefined ? 0 : base[first + count])
    )
      count++
    runs.push(first, count, page)
    first += count
  }
  return Uint32Array.from(runs)
}
