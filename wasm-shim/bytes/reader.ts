import { StasisError } from '../errors.ts'

/** `ignoreBOM` keeps a leading U+FEFF: names are bytes to be reproduced, not documents. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A cursor over [start, end) of `bytes`. Offsets are absolute in `bytes`, also in sub-readers, so that errors name the
 * place in the file. Integers are LEB128 (core spec 5.2.2): padded encodings up to the type's length are accepted, set
 * bits beyond the type are not. Every method throws StasisError STASIS_MODULE_MALFORMED instead of reading past `end`.
 */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly end: number
  pos: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.pos = start
    this.end = end
  }

  get remaining(): number {
    return this.end - this.pos
  }

  /** `message` is a clause without full stop, e.g. `the start function 7 does not exist`. */
  fail(message: string, offset = this.pos): never {
    throw new StasisError(
      'STASIS_MODULE_MALFORMED',
      `The WebAssembly module is malformed at byte ${offset}: ${message}. Check that the file is complete and passes a validator.`,
      { offset },
    )
  }

  u8(): number {
    if (this.pos >= this.end) this.fail('it ends in the middle of a value')
    return this.bytes[this.pos++]!
  }

  u32(): number {
    const at = this.pos
    let byte = this.u8()
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.u8()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    byte = this.u8()
    if (byte > 0x0f) this.fail('an unsigned number does not fit 32 bits', at)
    return (value | (byte << 28)) >>> 0
  }

  s32(): number {
    const at = this.pos
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift)
    }
    const last = this.u8()
    // Bits 4 to 6 repeat the sign in bit 3.
    if (last > 0x7f || (last > 0x07 && last < 0x78)) this.fail('a signed number does not fit 32 bits', at)
    return value | (last << 28)
  }

  /** Block types and heap types: non-negative values are type indices. */
  s33(): number {
    const at = this.pos
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift)
    }
    const last = this.u8()
    // Bits 5 and 6 repeat the sign in bit 4.
    if (last > 0x7f || (last > 0x0f && last < 0x70)) this.fail('a signed number does not fit 33 bits', at)
    const high = last > 0x0f ? last - 0x80 : last
    return value + high * 0x1000_0000
  }

  s64(): bigint {
    const at = this.pos
    let value = 0n
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << BigInt(shift)
      if (byte < 0x80) return BigInt.asIntN(shift + 7, value)
    }
    const last = this.u8()
    if (last !== 0x00 && last !== 0x7f) this.fail('a signed number does not fit 64 bits', at)
    return BigInt.asIntN(64, value | (BigInt(last) << 63n))
  }

  /** An unsigned 64-bit field as a number; values above 2^53 - 1 are refused. */
  u64(): number {
    const at = this.pos
    let value = 0
    let scale = 1
    for (let count = 0; count < 9; count++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('a 64-bit size is larger than 2^53', at)
        return value
      }
      scale *= 128
    }
    const last = this.u8()
    if (last > 1) this.fail('an unsigned number does not fit 64 bits', at)
    if (last === 1 || value > Number.MAX_SAFE_INTEGER) this.fail('a 64-bit size is larger than 2^53', at)
    return value
  }

  /** Passes over `count` bytes and returns the offset where they start. */
  skip(count: number): number {
    const at = this.pos
    if (count > this.end - at) this.fail(`${count} bytes are announced and ${this.end - at} remain`)
    this.pos = at + count
    return at
  }

  skipF32(): void {
    this.skip(4)
  }

  skipF64(): void {
    this.skip(8)
  }

  /** A length of entries to follow, each at least `minSize` bytes long: bounded by what remains, so safe to allocate. */
  count(minSize = 1): number {
    const at = this.pos
    const count = this.u32()
    if (count * minSize > this.end - this.pos)
      this.fail(`${count} entries are announced, but only ${this.end - this.pos} bytes remain`, at)
    return count
  }

  /** A length-prefixed name, strict UTF-8 (core spec 5.2.4). */
  name(): string {
    const at = this.pos
    const length = this.u32()
    const start = this.skip(length)
    try {
      return utf8.decode(this.bytes.subarray(start, start + length))
    } catch {
      return this.fail('a name is not valid UTF-8', at)
    }
  }

  /** A reader over the next `length` bytes, which this reader passes over. */
  sub(length: number): ByteReader {
    const start = this.skip(length)
    return new ByteReader(this.bytes, start, start + length)
  }

  /** `what` names the thing read, for the error if bytes are left over. */
  expectEnd(what: string): void {
    if (this.pos !== this.end) this.fail(`${this.end - this.pos} bytes are left over after ${what}`)
  }
}
