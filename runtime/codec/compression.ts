import { inflateSync } from 'fflate'
import { StasisError } from '../../wasm-shim/errors.ts'
import { decodeZstd } from './zstd/decode.ts'
import { blocksOf } from './zstd/frame.ts'

/** How stored pages can be written. Whatever was written can be read by every host. */
export type PageCodec = 'stored' | 'deflate' | 'zstd'

export const pageCodecs: readonly PageCodec[] = ['stored', 'deflate', 'zstd']

/** What a host has that is faster than the portable implementations, for its process. */
export interface HostCompression {
  /** Raw deflate (RFC 1951). Throws where the input is broken, or inflates to more than `limit` bytes. */
  readonly inflate?: (bytes: Uint8Array, limit: number) => Uint8Array
  /** Zstandard (RFC 8878): one frame that tells its size, without a checksum. Absent: this host cannot write it. */
  readonly zstd?: (bytes: Uint8Array) => Uint8Array
  /** The content of such a frame, whose head and blocks were looked at. Throws as `inflate`. */
  readonly unzstd?: (bytes: Uint8Array, limit: number) => Uint8Array
}

let host: HostCompression = {}

/** Lets a host with faster implementations of the same functions provide them, for its process. */
export function provideCompression(implementation: HostCompression): void {
  host = implementation
}

/** Exactly `size` bytes. Throws an Error where the input does not inflate to these. */
export function inflateExactly(bytes: Uint8Array, size: number): Uint8Array {
  // What does not fit the buffer is left out without a word: a byte more than allowed tells.
  const whole = host.inflate?.(bytes, size) ?? inflateSync(bytes, { out: new Uint8Array(size + 1) })
  return checkSize(whole, size)
}

/** Exactly `size` bytes, of one frame as `compressZstd` makes them. Throws an Error for any other. */
export function decompressZstd(bytes: Uint8Array, size: number): Uint8Array {
  if (host.unzstd === undefined) return decodeZstd(bytes, size)
  blocksOf(bytes, size)
  return checkSize(host.unzstd(bytes, size), size)
}

function checkSize(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length !== size) throw new Error(`it has ${bytes.length} bytes where ${size} are expected`)
  return bytes
}

/** undefined where this host cannot. */
export const compressZstd = (): HostCompression['zstd'] => host.zstd

/** Throws STASIS_CODEC for an unknown codec, and for one that this host cannot write. */
export function checkCodec(codec: unknown): void {
  if (!(pageCodecs as readonly unknown[]).includes(codec)) {
    const message = `"${String(codec)}" is no codec for stored pages. There are ${pageCodecs.join(', ')}.`
    throw new StasisError('STASIS_CODEC', message, { codec: String(codec) })
  }
  if (codec !== 'zstd' || host.zstd !== undefined) return
  const message =
    'This host reads pages that are compressed by zstd and cannot write them. Use Node 22.15 or later, or choose "deflate" or "stored".'
  throw new StasisError('STASIS_CODEC', message, { codec })
}
