import { inflateSync } from 'fflate'
import { StasisError } from '../../wasm-shim/errors.ts'

/** How stored pages can be written. Those by zstd are read and written by hosts that have it, the others by all. */
export type PageCodec = 'stored' | 'deflate' | 'zstd'

export const pageCodecs: readonly PageCodec[] = ['stored', 'deflate', 'zstd']

/** What a host has that is faster than the portable implementations, for its process. */
export interface HostCompression {
  /** Raw deflate (RFC 1951). Throws where the input is broken, or inflates to more than `limit` bytes. */
  readonly inflate?: (bytes: Uint8Array, limit: number) => Uint8Array
  /** Zstandard (RFC 8878): one frame. Absent, like `unzstd`: this host has none. */
  readonly zstd?: (bytes: Uint8Array) => Uint8Array
  /** Throws as `inflate`. */
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

/** Exactly `size` bytes. Throws STASIS_CODEC where this host has no zstd, and an Error where the input is not these. */
export function decompressZstd(bytes: Uint8Array, size: number): Uint8Array {
  if (host.unzstd === undefined) throw noZstd('are')
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
  if (codec === 'zstd' && host.zstd === undefined) throw noZstd('are to be')
}

/** A portable decoder would be one of our own: those that there are do not bound what a frame of a few bytes makes them do. */
const noZstd = (are: string): StasisError =>
  new StasisError(
    'STASIS_CODEC',
    `Pages ${are} compressed by zstd, which this host does not have. Use Node 22.15 or later, or have them written by ` +
      'another codec there: "stasis compact NAME --codec deflate" (or "stored"); an export is read everywhere.',
    { codec: 'zstd' },
  )
