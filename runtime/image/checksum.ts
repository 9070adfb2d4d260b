import { createXXHash64 } from 'hash-wasm'
import { hex } from '../../wasm-shim/bytes/arrays.ts'

// Made once while the module loads: hash-wasm compiles asynchronously and hashes synchronously.
const hasher = await createXXHash64()

/** XXH64, seed 0, of the concatenated parts: 8 bytes in the algorithm's canonical (big-endian) order. */
export function checksum(...parts: readonly Uint8Array[]): Uint8Array {
  hasher.init()
  for (const part of parts) hasher.update(part)
  return hasher.digest('binary')
}

/** The same as 16 lower-case hexadecimal digits. */
export function checksumHex(...parts: readonly Uint8Array[]): string {
  return hex(checksum(...parts))
}

/** Bytes hashed before other work of the thread gets its turn: two milliseconds. */
const sliceSize = 1 << 22

/** The same as `checksum`, of many bytes, with `pause` in between. */
export async function checksumInSlices(bytes: Uint8Array, pause: () => Promise<void>): Promise<Uint8Array> {
  if (bytes.length <= sliceSize) return checksum(bytes)
  // One of its own, since others are at work in the pauses.
  const own = await createXXHash64()
  own.init()
  for (let at = 0; at < bytes.length; at += sliceSize) {
    own.update(bytes.subarray(at, at + sliceSize))
    await pause()
  }
  return own.digest('binary')
}
