import { checksum as crc32 } from './checksum.ts'
import { damaged, FrameType, frameHead, frameTail, maxFrame } from './layout.ts'

/**
 * Makes a frame of the payload that lies in `block` from `frameHead` to `end`, in place: with its length before and its
 * checksum, which starts from `chain`, behind.
 */
export function seal(block: Uint8Array, end: number, type: number, chain: number): { start: number; checksum: number } {
  let head = (end - frameHead) * 4 + type
  const start = frameHead - (head > 0x1f_ffff ? 4 : head > 0x3fff ? 3 : head > 0x7f ? 2 : 1)
  for (let at = start; at < frameHead; at++) {
    block[at] = at < frameHead - 1 ? (head & 0x7f) | 0x80 : head
    head >>>= 7
  }
  const checksum = crc32(block.subarray(start, end), chain)
  for (let i = 0; i < frameTail; i++) block[end + i] = checksum >>> (i * 8)
  return { start, checksum }
}

/** A frame whose checksum is right. Valid until the next one is asked for. */
export interface Frame {
  readonly type: number
  readonly bytes: Uint8Array
  /** The payload in `bytes`. */
  readonly start: number
  readonly end: number
  /** Of the payload's first byte in the log. */
  readonly offset: number
}

/**
 * Cuts a stream of bytes, which may come in pieces of any size, into frames. Holds at most one frame of them, and throws
 * STASIS_LOG_DAMAGED for what cannot be the end of a log that was cut.
 */
export class FrameReader {
  /** Of the first byte in the log that is not part of a whole frame. */
  offset: number
  #piece: Uint8Array = new Uint8Array(0)
  #at = 0
  #held: Uint8Array = new Uint8Array(1024)
  #heldLength = 0
  #chain = 0
  #chained = false
  /** Why the rest is no frame, which is well if nothing but zeros follow, and how many bytes it has so far. */
  #doubt: { readonly why: string; bytes: number } | undefined

  constructor(offset: number) {
    this.offset = offset
  }

  /** To be called when `next` has nothing more. `bytes` must stay as they are until then. */
  feed(bytes: Uint8Array): void {
    this.#piece = bytes
    this.#at = 0
  }

  /** Bytes that were given and are not part of a whole frame. */
  get left(): number {
    return this.#doubt?.bytes ?? this.#heldLength
  }

  /** What there is of the payload of a last frame that was cut. */
  get partial(): { readonly bytes: Uint8Array; readonly type: number; readonly start: number } | undefined {
    const frame = this.#doubt === undefined ? this.#measure(this.#held, 0, this.#heldLength) : undefined
    if (frame === undefined) return undefined
    const bytes = this.#held.subarray(0, Math.min(this.#heldLength, frame.start + frame.length))
    return { bytes, type: frame.type, start: frame.start }
  }

  next(): Frame | undefined {
    while (this.#doubt === undefined) {
      const left = this.#piece.length - this.#at
      if (this.#heldLength === 0) {
        const frame = this.#measure(this.#piece, this.#at, this.#piece.length)
        if (frame !== undefined && frame.start + frame.length + frameTail <= this.#piece.length) {
          const from = this.#at
          this.#at = frame.start + frame.length + frameTail
          return this.#check(this.#piece, from, frame)
        }
      }
      const frame = this.#measure(this.#held, 0, this.#heldLength)
      const wanted = frame === undefined ? this.#heldLength + 1 : frame.start + frame.length + frameTail
      if (frame !== undefined && this.#heldLength === wanted) {
        this.#heldLength = 0
        return this.#check(this.#held, 0, frame)
      }
      if (left === 0) return undefined
      this.#hold(Math.min(left, wanted - this.#heldLength), wanted)
    }
    this.#skipZeros(this.#doubt)
    return undefined
  }

  #hold(count: number, wanted: number): void {
    if (this.#held.length < wanted) {
      const grown = new Uint8Array(wanted)
      grown.set(this.#held.subarray(0, this.#heldLength))
      this.#held = grown
    }
    this.#held.set(this.#piece.subarray(this.#at, this.#at + count), this.#heldLength)
    this.#heldLength += count
    this.#at += count
  }

  /** Type and place of the payload of the frame that begins at `at`; undefined when its length is not there as a whole. */
  #measure(bytes: Uint8Array, at: number, end: number): Measured | undefined {
    let value = 0
    for (let i = 0; i < frameHead; i++) {
      if (at + i >= end) return undefined
      const byte = bytes[at + i]!
      value |= (byte & 0x7f) << (7 * i)
      if (byte > 0x7f) continue
      const measured = { type: value & 3, start: at + i + 1, length: value >>> 2 }
      // File systems make zeros of what was never written: no frame, to be looked at in #check.
      if (value === 0 && i === 0) return { ...measured, length: -frameTail }
      if (measured.type === 0 || measured.length === 0 || measured.length > maxFrame || (i > 0 && byte === 0)) break
      return measured
    }
    throw damaged('a block has an impossible length', this.offset)
  }

  #check(bytes: Uint8Array, from: number, { type, start, length }: Measured): Frame | undefined {
    const end = start + length
    const size = end + frameTail - from
    if (type === 0) return this.#suspect('zeros are followed by something else', size)
    const follows = type === FrameType.calls
    const checksum = crc32(bytes.subarray(from, end), follows ? this.#chain : 0)
    const stored = bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16) | (bytes[end + 3]! << 24)
    if (checksum !== stored || (follows && !this.#chained)) return this.#suspect('a checksum is wrong', size)
    if (type !== FrameType.functions) {
      this.#chain = checksum
      this.#chained = true
    }
    const frame = { type, bytes, start, end, offset: this.offset + start - from }
    this.offset += size
    return frame
  }

  #suspect(why: string, bytes: number): undefined {
    this.#doubt = { why, bytes }
    this.#skipZeros(this.#doubt)
    return undefined
  }

  #skipZeros(doubt: { readonly why: string; bytes: number }): void {
    for (; this.#at < this.#piece.length; this.#at++, doubt.bytes++) {
      if (this.#piece[this.#at] !== 0) throw damaged(doubt.why, this.offset)
    }
  }
}

interface Measured {
  readonly type: number
  readonly start: number
  readonly length: number
}
