import { deflateSync, inflateSync } from 'fflate'
import { StasisError } from '../../wasm-shim/errors.ts'
import { broken, type MessageOf, maxPiece } from './protocol.ts'

/** What a host compresses pieces of blobs with. */
export interface Codec {
  /** Raw deflate (RFC 1951), which every host has. */
  deflate(bytes: Uint8Array): Uint8Array
  /** Throws where the input is broken; where it inflates to more than `limit` bytes, throws or gives more than that. */
  inflate(bytes: Uint8Array, limit: number): Uint8Array
  /** Zstandard (RFC 8878), three times as fast. Absent where the host has none: what it could only read would not be faster. */
  readonly zstd?: {
    compress(bytes: Uint8Array): Uint8Array
    /** Exactly `size` bytes; throws where the input is anything else. */
    decompress(bytes: Uint8Array, size: number): Uint8Array
  }
}

export const portableCodec: Codec = {
  deflate: (bytes) => deflateSync(bytes, { level: 1 }),
  // What does not fit the buffer is left out without a word: a byte more than allowed tells.
  inflate: (bytes, limit) => inflateSync(bytes, { out: new Uint8Array(limit + 1) }),
}

/** Bytes from which on it is worth a look, and those that are looked at. */
const least = 512
const sample = 4096

/** The message with a piece: by Zstandard where both sides have it, else deflated, where that saves an eighth. */
export function pieceMessage(
  codec: Codec,
  { name, at, bytes }: { readonly name: string; readonly at: number; readonly bytes: Uint8Array },
  readsZstd: boolean,
): MessageOf<'data'> | MessageOf<'zstd'> {
  if (!readsZstd || codec.zstd === undefined) return { kind: 'data', name, at, ...pack(codec, bytes) }
  const packed = smaller(codec.zstd.compress, bytes)
  if (packed === undefined) return { kind: 'data', name, at, deflated: false, bytes }
  return { kind: 'zstd', name, at, size: bytes.length, bytes: packed }
}

export function pack(codec: Codec, bytes: Uint8Array): { deflated: boolean; bytes: Uint8Array } {
  const packed = smaller(codec.deflate, bytes)
  return packed === undefined ? { deflated: false, bytes } : { deflated: true, bytes: packed }
}

/** undefined where it does not save an eighth. A sample decides for the whole piece, since most of a session may be compressed. */
function smaller(compress: (bytes: Uint8Array) => Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < least) return undefined
  const start = (bytes.length - Math.min(sample, bytes.length)) >> 1
  const part = bytes.subarray(start, start + sample)
  if (part.length < bytes.length && compress(part).length > (part.length * 7) / 8) return undefined
  const packed = compress(bytes)
  return packed.length <= (bytes.length * 7) / 8 ? packed : undefined
}

/** The bytes of a piece that was received. Throws STASIS_TRANSFER_DAMAGED, and STASIS_PROTOCOL for what was not asked for. */
export function pieceOf(codec: Codec, message: MessageOf<'data'> | MessageOf<'zstd'>): Uint8Array {
  if (message.kind === 'data') return unpack(codec, message)
  const { zstd } = codec
  if (zstd === undefined) throw broken('"zstd" came, which this side did not say that it reads')
  return usable(() => zstd.decompress(message.bytes, message.size))
}

/** Throws STASIS_TRANSFER_DAMAGED. */
export function unpack(codec: Codec, { deflated, bytes }: { deflated: boolean; bytes: Uint8Array }): Uint8Array {
  return usable(() => (deflated ? codec.inflate(bytes, maxPiece) : bytes))
}

function usable(decompress: () => Uint8Array): Uint8Array {
  try {
    const whole = decompress()
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
