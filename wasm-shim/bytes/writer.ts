const utf8 = new TextEncoder()

/** A growable byte buffer with WebAssembly's encodings. Integers are written in their shortest LEB128 form. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  /** `capacity` in bytes: the expected size, to save copies while growing. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(Math.max(capacity, 16))
  }

  get length(): number {
    return this.#length
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }

  u8(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#reserve(5)
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#length++] = rest
  }

  s32(value: number): void {
    this.#reserve(5)
    let rest = value | 0
    while (rest > 0x3f || rest < -0x40) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest >>= 7
    }
    this.#bytes[this.#length++] = rest & 0x7f
  }

  s33(value: number): void {
    this.#reserve(5)
    let rest = value
    while (rest > 0x3f || rest < -0x40) {
      // Two's complement of a number wider than 32 bits: the low bits by `&`, the shift by division.
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest & 0x7f
  }

  s64(value: bigint): void {
    this.#reserve(10)
    let rest = BigInt.asIntN(64, value)
    while (rest > 0x3fn || rest < -0x40n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.#length++] = Number(rest & 0x7fn)
  }

  /** An unsigned 64-bit field given as a number below 2^53. */
  u64(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  bytes(source: Uint8Array): void {
    this.#reserve(source.length)
    this.#bytes.set(source, this.#length)
    this.#length += source.length
  }

  /** Copies [start, end) of `source`. */
  range(source: Uint8Array, start: number, end: number): void {
    const count = end - start
    this.#reserve(count)
    // Below about 32 bytes a loop beats the view that `set` needs.
    if (count < 32) {
      for (let at = start; at < end; at++) this.#bytes[this.#length++] = source[at]!
      return
    }
    this.#bytes.set(source.subarray(start, end), this.#length)
    this.#length += count
  }

  /** Length-prefixed UTF-8. */
  name(value: string): void {
    const encoded = utf8.encode(value)
    this.u32(encoded.length)
    this.bytes(encoded)
  }

  /** The contents of `other`, preceded by their length. */
  sized(other: ByteWriter): void {
    this.u32(other.#length)
    this.range(other.#bytes, 0, other.#length)
  }

  /** What `write` adds to this writer, preceded by its length: as `sized`, without a second buffer. */
  sizedBy(write: () => void): void {
    const at = this.#length
    const widest = 5
    this.#reserve(widest)
    this.#length += widest
    write()
    const end = this.#length
    const size = end - at - widest
    this.#length = at
    this.u32(size)
    if (this.#length < at + widest) this.#bytes.copyWithin(this.#length, at + widest, end)
    this.#length += size
  }

  /** Forgets what was written but keeps the buffer for reuse. */
  clear(): void {
    this.#length = 0
  }

  /** A copy of what was written, in an array of exactly its length. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length) as Uint8Array<ArrayBuffer>
  }
}
