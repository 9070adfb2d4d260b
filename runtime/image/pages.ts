import type { SparseMemory } from '../engine/engine.ts'
import { align8, damaged } from './layout.ts'

/**
 * A memory section: size in bytes (u64), one bit a page of 4 KiB (1: present; lowest bit first; padded to 8 bytes), then
 * the present pages one after the other. Pages of zeros are absent. 4 KiB is what an operating system hands out, and
 * small enough that one live byte does not cost much.
 */
export const pageSize = 4096

export interface PagedSize {
  readonly present: Uint8Array
  readonly dataLength: number
}

function pageCount(size: number): number {
  return Math.ceil(size / pageSize)
}

/** Bytes of the bitmap of a memory of `size` bytes. */
export function bitmapSize(size: number): number {
  return align8(Math.ceil(pageCount(size) / 8))
}

/** Finds the pages that are not zero. */
export function scanPages(bytes: Uint8Array): PagedSize {
  const pages = pageCount(bytes.length)
  const present = new Uint8Array(bitmapSize(bytes.length))
  const words = wordsOf(bytes)
  let dataLength = 0
  for (let page = 0; page < pages; page++) {
    const start = page * pageSize
    const end = Math.min(start + pageSize, bytes.length)
    if (isZeroRange(bytes, words, start, end)) continue
    present[page >> 3] = present[page >> 3]! | (1 << (page & 7))
    dataLength += end - start
  }
  return { present, dataLength }
}

/** undefined where the bytes do not lie on a word's boundary. */
function wordsOf(bytes: Uint8Array): Int32Array | undefined {
  return bytes.byteOffset % 4 === 0 ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : undefined
}

/** At most a page; `start` is a page's. */
function isZeroRange(bytes: Uint8Array, words: Int32Array | undefined, start: number, end: number): boolean {
  return words !== undefined && end - start === pageSize ? isZeroPage(words, start >> 2) : isZero(bytes, start, end)
}

function isZeroPage(words: Int32Array, start: number): boolean {
  const end = start + pageSize / 4
  for (let at = start; at < end; at += 8) {
    const any =
      words[at]! |
      words[at + 1]! |
      words[at + 2]! |
      words[at + 3]! |
      words[at + 4]! |
      words[at + 5]! |
      words[at + 6]! |
      words[at + 7]!
    if (any !== 0) return false
  }
  return true
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false
  return true
}

export function packedSize(size: PagedSize): number {
  return 8 + size.present.length + size.dataLength
}

/** Writes the section of `packedSize` bytes to the start of `target`. */
export function packMemory(bytes: Uint8Array, { present }: PagedSize, target: Uint8Array): void {
  new DataView(target.buffer, target.byteOffset).setBigUint64(0, BigInt(bytes.length), true)
  target.set(present, 8)
  let to = 8 + present.length
  forEachRun(bytes.length, present, (start, end) => {
    target.set(bytes.subarray(start, end), to)
    to += end - start
  })
}

/** Calls `run` with the byte range of each run of present pages. */
function forEachRun(size: number, present: Uint8Array, run: (start: number, end: number) => void): void {
  const pages = pageCount(size)
  let first = -1
  for (let page = 0; page <= pages; page++) {
    const isPresent = page < pages && has(present, page)
    if (isPresent === first >= 0) continue
    if (isPresent) first = page
    else {
      run(first * pageSize, Math.min(page * pageSize, size))
      first = -1
    }
  }
}

function has(present: Uint8Array, page: number): boolean {
  return (present[page >> 3]! & (1 << (page & 7))) !== 0
}

/** A memory as it lies in an image. Costs nothing until its bytes are asked for. */
export class PagedMemory implements SparseMemory {
  /** Bytes of the memory. */
  readonly size: number
  /** Bytes of its pages that are not zero. */
  readonly dataLength: number
  readonly #present: Uint8Array
  readonly #data: Uint8Array
  #bytes: Uint8Array | undefined

  constructor(size: number, present: Uint8Array, data: Uint8Array) {
    this.size = size
    this.#present = present
    this.#data = data
    this.dataLength = data.length
  }

  /** The whole memory; a view of the image where no page is absent. Made once. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      if (this.#data.length === this.size) this.#bytes = this.#data
      else {
        this.#bytes = new Uint8Array(this.size)
        this.copyTo(this.#bytes, 0)
      }
    }
    return this.#bytes
  }

  copyTo(target: Uint8Array, used: number): void {
    this.#clear(target, Math.min(used, this.size))
    let from = 0
    forEachRun(this.size, this.#present, (start, end) => {
      target.set(this.#data.subarray(from, from + end - start), start)
      from += end - start
    })
  }

  /** Absent pages below `end`: few of a fresh instance's have anything in them, and what is zero stays untouched. */
  #clear(target: Uint8Array, end: number): void {
    const words = wordsOf(target)
    for (let start = 0; start < end; start += pageSize) {
      if (has(this.#present, start / pageSize)) continue
      const pageEnd = Math.min(start + pageSize, end)
      if (!isZeroRange(target, words, start, pageEnd)) target.fill(0, start, pageEnd)
    }
  }
}

/** `offset` is the section's place in the image, for errors. */
export function unpackMemory(section: Uint8Array, offset: number, maxSize: number): PagedMemory {
  if (section.length < 8) throw damaged('a memory section ends inside its size', offset)
  const declared = new DataView(section.buffer, section.byteOffset).getBigUint64(0, true)
  if (declared > BigInt(maxSize)) {
    throw damaged(`it declares ${declared} bytes of memory, and at most ${maxSize} more are accepted`, offset)
  }
  const size = Number(declared)
  const bitmapLength = bitmapSize(size)
  if (bitmapLength > section.length - 8) throw damaged('a memory section ends inside its page bitmap', offset + 8)
  const present = section.subarray(8, 8 + bitmapLength)
  const dataLength = presentBytes(size, present, offset + 8)
  const data = section.subarray(8 + bitmapLength)
  if (data.length !== dataLength) {
    const at = offset + 8 + bitmapLength
    throw damaged(`${data.length} bytes of pages follow a bitmap that announces ${dataLength}`, at)
  }
  return new PagedMemory(size, present, data)
}

function presentBytes(size: number, present: Uint8Array, offset: number): number {
  const pages = pageCount(size)
  for (let bit = pages; bit < present.length * 8; bit++) {
    if ((present[bit >> 3]! & (1 << (bit & 7))) !== 0) {
      throw damaged(`the page bitmap names page ${bit} of ${pages}`, offset + (bit >> 3))
    }
  }
  let total = 0
  forEachRun(size, present, (start, end) => {
    total += end - start
  })
  return total
}
