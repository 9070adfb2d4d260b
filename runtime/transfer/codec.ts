import { deflateSync, inflateSync } from 'fflate'
import { StasisError } from '../../wasm-shim/errors.ts'
import { maxPiece } from './protocol.ts'

/** Raw deflate (RFC 1951), which every host has natively. */
export interface Codec {
  deflate(bytes: Uint8Array): Uint8Array
  /** Throws where the input is broken; where it inflates to more than `limit` bytes, throws or gives more than that. */
  inflate(bytes: Uint8Array, limit: number): Uint8Array
}

export const portableCodec: Codec = {
  deflate: (bytes) => deflateSync(bytes, { level: 1 }),
  // What does not fit the buffer is left out without a word: a byte more than allowed tells.
  inflate: (bytes, limit) => inflateSync(bytes, { out: new Uint8Array(limit + 1) }),
}

/** Bytes from which on it is worth a look, and those that are looked at. */
const least = 512
const sample = 4096

/** Deflated where that saves an eighth. A sample decides for the whole piece, since most of a session is deflated already. */
export function pack(codec: Codec, bytes: Uint8Array): { deflated: boolean; bytes: Uint8Array } {
  if (bytes.length < least) return { deflated: false, bytes }
  const start = (bytes.length - Math.min(sample, bytes.length)) >> 1
  const part = bytes.subarray(start, start + sample)
  if (part.length < bytes.length && codec.deflate(part).length > (part.length * 7) / 8)
    return { deflated: false, bytes }
  const packed = codec.deflate(bytes)
  return packed.length <= (bytes.length * 7) / 8 ? { deflated: true, bytes: packed } : { deflated: false, bytes }
}

/** Throws STASIS_TRANSFER_DAMAGED. */
export function unpack(codec: Codec, { deflated, bytes }: { deflated: boolean; bytes: Uint8Array }): Uint8Array {
  try {
    const whole = deflated ? codec.inflate(bytes, maxPiece) : bytes
    if (whole.length > maxPiece) throw new Error(`it has ${whole.length} bytes, and at most ${maxPiece} are allowed`)
    return whole
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError(
      'STASIS_TRANSFER_DAMAGED',
      `A piece that was received cannot be used: ${reason}.`,
      {},
      { cause },
    )
  }
}
