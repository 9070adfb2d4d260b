import { pageSize } from '../image/pages.ts'

/** A memory as a row of cells, each of them `pagesPerCell` pages of 4 KiB; the last one may have fewer. */
export interface MemoryMap {
  /** Of the memory. */
  readonly bytes: number
  readonly pages: number
  readonly pagesPerCell: number
  /** Pages of each cell that are not zero. */
  readonly used: Uint32Array
  /** Pages of each cell that are not as they were; absent where there is nothing to compare with. */
  readonly changed?: Uint32Array
}

/** `before`: the same memory at another instant; pages that one of the two does not have count as zeros. */
export function mapMemory(memory: Uint8Array, before: Uint8Array | undefined, maxCells: number): MemoryMap {
  const pages = Math.ceil(memory.length / pageSize)
  const pagesPerCell = Math.max(1, Math.ceil(pages / maxCells))
  const cells = Math.ceil(pages / pagesPerCell)
  const used = new Uint32Array(cells)
  const changed = before && new Uint32Array(cells)
  const now = wordsOf(memory)
  const then = before && wordsOf(before)
  const wordsPerPage = pageSize / 4
  for (let page = 0; page < pages; page++) {
    const cell = Math.floor(page / pagesPerCell)
    const start = page * wordsPerPage
    const end = Math.min(start + wordsPerPage, now.length)
    if (differs(now, none, start, end)) used[cell]!++
    if (then !== undefined && changed !== undefined && differs(now, then, start, end)) changed[cell]!++
  }
  return { bytes: memory.length, pages, pagesPerCell, used, ...(changed && { changed }) }
}

const none = new Int32Array(0)

/** Words that `other` does not have are zeros there. */
function differs(words: Int32Array, other: Int32Array, start: number, end: number): boolean {
  const common = Math.max(start, Math.min(end, other.length))
  for (let at = start; at < common; at++) if (words[at] !== other[at]) return true
  for (let at = common; at < end; at++) if (words[at] !== 0) return true
  return false
}

/** Memories are whole pages of 64 KiB; a view of an image may lie at any byte. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2)
}

export const sumOf = (counts: Uint32Array): number => counts.reduce((sum, count) => sum + count, 0)
