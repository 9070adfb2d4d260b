/**
 * A file's bytes in memory, sparse: chunks of 64 KiB by index, holes absent. A chunk may be shorter than 64 KiB; what it
 * lacks reads as zeros. Extending a file by truncation or by writing far behind its end therefore allocates nothing for
 * the gap.
 */
import { Errno } from '../errno.ts'

const chunkSize = 65536
const smallestChunk = 256

/** Bytes that one file system may hold, shared by all of its files. */
export interface Budget {
  used: number
  readonly limit: number
  /** Largest size of one file. */
  readonly maxFileSize: number
}

export class SparseContent {
  size = 0
  readonly #budget: Budget
  readonly #chunks = new Map<number, Uint8Array>()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  read(target: Uint8Array, position: number): number {
    const length = Math.min(target.length, this.size - position)
    if (length <= 0) return 0
    for (let done = 0; done < length; ) {
      const within = (position + done) % chunkSize
      const step = Math.min(chunkSize - within, length - done)
      const stored = this.#chunks.get((position + done - within) / chunkSize)?.subarray(within, within + step)
      if (stored !== undefined) target.set(stored, done)
      target.fill(0, done + (stored?.length ?? 0), done + step)
      done += step
    }
    return length
  }

  /** Bytes written, fewer than given where space ran out on the way; -ENOSPC when not even one fitted. */
  write(source: Uint8Array, position: number): number {
    if (source.length === 0) return 0
    const room = this.#budget.maxFileSize - position
    if (room <= 0) return -Errno.ENOSPC
    const length = Math.min(source.length, room)
    let done = 0
    while (done < length) {
      const within = (position + done) % chunkSize
      const step = Math.min(chunkSize - within, length - done)
      const chunk = this.#reserve((position + done - within) / chunkSize, within + step)
      if (chunk === undefined) break
      chunk.set(source.subarray(done, done + step), within)
      done += step
    }
    if (done === 0) return -Errno.ENOSPC
    this.size = Math.max(this.size, position + done)
    return done
  }

  truncate(size: number): number {
    if (size > this.#budget.maxFileSize) return -Errno.ENOSPC
    if (size < this.size) this.#dropFrom(size)
    this.size = size
    return 0
  }

  /** Gives all space back, for a file that nobody can reach any more. */
  release(): void {
    this.#dropFrom(0)
    this.size = 0
  }

  /** The parts that are not zeros, in ascending order: the same for equal contents, however they came about. */
  *parts(): Generator<readonly [offset: number, bytes: Uint8Array]> {
    for (const index of [...this.#chunks.keys()].sort((a, b) => a - b)) {
      const chunk = this.#chunks.get(index) as Uint8Array
      let end = chunk.length
      while (end > 0 && chunk[end - 1] === 0) end--
      if (end > 0) yield [index * chunkSize, chunk.subarray(0, end)]
    }
  }

  /** Takes over a part from a saved image, where limits were checked when it was written. */
  adopt(offset: number, bytes: Uint8Array): void {
    this.#chunks.set(offset / chunkSize, bytes)
    this.#budget.used += bytes.length
  }

  /** Whether an offset and a length can be those of a part: used on saved images. */
  static isPart(offset: number, length: number): boolean {
    return Number.isSafeInteger(offset) && offset >= 0 && offset % chunkSize === 0 && length > 0 && length <= chunkSize
  }

  #reserve(index: number, length: number): Uint8Array | undefined {
    const present = this.#chunks.get(index)
    if (present !== undefined && present.length >= length) return present
    let capacity = Math.max(smallestChunk, (present?.length ?? 0) * 2)
    while (capacity < length) capacity *= 2
    capacity = Math.min(capacity, chunkSize)
    const growth = capacity - (present?.length ?? 0)
    if (this.#budget.used + growth > this.#budget.limit) return undefined
    const chunk = new Uint8Array(capacity)
    if (present !== undefined) chunk.set(present)
    this.#chunks.set(index, chunk)
    this.#budget.used += growth
    return chunk
  }

  #dropFrom(size: number): void {
    const boundary = Math.floor(size / chunkSize)
    for (const [index, chunk] of this.#chunks) {
      if (index === boundary && size % chunkSize !== 0) chunk.fill(0, size % chunkSize)
      else if (index >= boundary) {
        this.#chunks.delete(index)
        this.#budget.used -= chunk.length
      }
    }
  }
}
