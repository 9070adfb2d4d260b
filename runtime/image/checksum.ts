import { createXXHash64 } from 'hash-wasm'

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
  return Array.from(checksum(...parts), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
