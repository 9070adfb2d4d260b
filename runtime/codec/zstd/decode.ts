import { malformed } from './bits.ts'
import { blocksOf } from './frame.ts'
import { type LiteralsState, readLiterals } from './literals.ts'
import { execute, type SequencesState } from './sequences.ts'

/**
 * Decodes a Zstandard frame (RFC 8878) on any host, into exactly `size` bytes. Throws an Error for anything else, and for a frame
 * that has a dictionary, a checksum or does not tell its size; takes no more memory than twice the size, and time in
 * proportion to it and to the input.
 *
 * It is our own because of these bounds. Of the libraries, fzstd 0.1.1 checks no lengths while it copies: 21 bytes keep it
 * busy for minutes. zstddec and the others are WebAssembly that has to be fetched and awaited, where a checkpoint file
 * is read at once. Where Node has Zstandard, that is used (host-node/compression.ts).
 */
export function decodeZstd(bytes: Uint8Array, size: number): Uint8Array {
  const blocks = blocksOf(bytes, size)
  const out = new Uint8Array(size)
  const literalsState: LiteralsState = {}
  const sequencesState: SequencesState = { offsets: [1, 4, 8] }
  let at = 0
  for (const { kind, start, end, size: blockSize } of blocks) {
    if (kind === 'compressed') {
      const { literals, at: next } = readLiterals(bytes, start, end, size - at, literalsState)
      at = execute(bytes, next, end, literals, out, at, sequencesState)
      continue
    }
    if (blockSize > size - at) throw malformed('a block is too long')
    if (kind === 'raw') out.set(bytes.subarray(start, end), at)
    else out.fill(bytes[start]!, at, at + blockSize)
    at += blockSize
  }
  if (at !== size) throw malformed(`it has ${at} bytes of ${size}`)
  return out
}
