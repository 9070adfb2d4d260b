/** A bit stream that is read from its end: the highest bit that is set in its last byte is a mark, and no content. */
export class BackwardBits {
  readonly #bytes: Uint8Array
  readonly #start: number
  /** Bits that are left; below 0 where more were asked for. */
  left: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? bytes[end - 1]! : 0
    if (last === 0) throw malformed('a bit stream has no end')
    this.#bytes = bytes
    this.#start = start
    this.left = (end - start) * 8 - 8 + highestBit(last)
  }

  /** The next bits, at most 24 of them; zeros where there are no more. */
  read(count: number): number {
    this.left -= count
    return this.left >= 0 ? this.#at(this.left, count) : this.#atEnd(count)
  }

  #at(from: number, count: number): number {
    const at = this.#start + (from >> 3)
    const bytes = this.#bytes
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    return (word >>> (from & 7)) & ((1 << count) - 1)
  }

  #atEnd(count: number): number {
    const have = this.left + count
    return have <= 0 ? 0 : this.#at(0, have) << -this.left
  }
}

/** Position of the highest bit that is set, of a number above 0. */
export function highestBit(value: number): number {
  return 31 - Math.clz32(value)
}

export function malformed(reason: string): Error {
  return new Error(`it is no Zstandard frame as it should be: ${reason}`)
}
