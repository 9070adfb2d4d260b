import { malformed } from './bits.ts'
import { type HuffmanTable, readStream, readTree } from './huffman.ts'

/** Of a block: bytes after decoding. */
export const maxBlock: number = 1 << 17

/** What a block leaves for the next one. */
export interface LiteralsState {
  tree?: HuffmanTable
}

/** Decodes the literals that a block begins with, at most `limit` bytes of them. Returns where they end. */
export function readLiterals(
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
  state: LiteralsState,
): { readonly literals: Uint8Array; readonly at: number } {
  const byte = (offset: number): number => bytes[start + offset] ?? 0
  const kind = byte(0) & 3
  const format = (byte(0) >> 2) & 3
  const isCoded = kind > 1
  const word = byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)
  const header = isCoded ? [3, 3, 4, 5][format]! : [1, 2, 1, 3][format]!
  const width = isCoded ? [10, 10, 14, 18][format]! : [5, 12, 5, 20][format]!
  const mask = (1 << width) - 1
  const size = (word >>> (isCoded || format % 2 === 1 ? 4 : 3)) & mask
  let at = start + header
  const length = kind === 0 ? size : kind === 1 ? 1 : codedLength(word, byte(4), width)
  if (size > Math.min(limit, maxBlock)) throw malformed('a block has too many literals')
  if (length > end - at) throw malformed('literals are cut off')
  const after = at + length
  if (kind === 0) return { literals: bytes.subarray(at, after), at: after }
  const literals = new Uint8Array(size)
  if (kind === 1) return { literals: literals.fill(bytes[at]!), at: after }
  if (kind === 2) {
    const tree = readTree(bytes, at, after)
    state.tree = tree.table
    at = tree.at
  }
  const { tree } = state
  if (tree === undefined) throw malformed('a block uses a tree that there was not')
  if (format === 0) readStream(tree, bytes, at, after, literals)
  else readFour(tree, bytes, at, after, literals)
  return { literals, at: after }
}

/** The second number of the header: it begins at bit 4 + `width`, and may go on in the fifth byte. */
function codedLength(word: number, fifth: number, width: number): number {
  const low = word >>> (4 + width)
  return (low | (width === 18 ? fifth << 10 : 0)) & ((1 << width) - 1)
}

/** Four streams, behind the lengths of the first three. */
function readFour(tree: HuffmanTable, bytes: Uint8Array, start: number, end: number, literals: Uint8Array): void {
  if (end - start < 6) throw malformed('literals are cut off')
  const quarter = (literals.length + 3) >> 2
  if (quarter * 3 > literals.length) throw malformed('there are too few literals for four streams')
  let at = start + 6
  for (let i = 0; i < 4; i++) {
    const length = i === 3 ? end - at : bytes[start + i * 2]! | (bytes[start + i * 2 + 1]! << 8)
    if (length > end - at) throw malformed('literals are cut off')
    readStream(
      tree,
      bytes,
      at,
      at + length,
      literals.subarray(i * quarter, i === 3 ? literals.length : (i + 1) * quarter),
    )
    at += length
  }
}
