import { BackwardBits, highestBit, malformed } from './bits.ts'
import { readSymbols, readTable } from './fse.ts'

/** A decoding table of Huffman codes, by the next `bits` bits. */
export interface HuffmanTable {
  readonly bits: number
  /** symbol | bits << 8 */
  readonly codes: Uint16Array
}

const maxBits = 11

/** Reads a tree's description from `at` on. Returns where it ends. */
export function readTree(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly table: HuffmanTable; readonly at: number } {
  if (at >= end) throw malformed('a tree is cut off')
  const header = bytes[at]!
  const isPlain = header > 127
  const after = at + 1 + (isPlain ? (header - 126) >> 1 : header)
  if (after > end) throw malformed('a tree is cut off')
  return { table: treeOf(isPlain ? plain(bytes, at + 1, header - 127) : packed(bytes, at + 1, after)), at: after }
}

function plain(bytes: Uint8Array, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? bytes[at + (i >> 1)]! >> 4 : bytes[at + (i >> 1)]! & 15,
  )
}

function packed(bytes: Uint8Array, at: number, end: number): number[] {
  const { table, at: start } = readTable(bytes, at, end, { accuracy: 6, symbol: 255 })
  return readSymbols(table, bytes, start, end)
}

/** The last symbol's weight is not told: it is what makes the codes complete. */
function treeOf(weights: number[]): HuffmanTable {
  if (weights.length > 255 || weights.some((weight) => weight > maxBits)) throw malformed('a tree is too large')
  const sum = weights.reduce((total, weight) => total + ((1 << weight) >> 1), 0)
  if (sum === 0) throw malformed('a tree is empty')
  const bits = highestBit(sum) + 1
  const rest = (1 << bits) - sum
  if (bits > maxBits || (rest & (rest - 1)) !== 0) throw malformed('the codes of a tree are not complete')
  weights.push(highestBit(rest) + 1)
  const codes = new Uint16Array(1 << bits)
  // Where the codes of each weight begin: those of light symbols, which are long, come first.
  const starts = new Uint16Array(maxBits + 2)
  for (const weight of weights) if (weight > 0) starts[weight + 1]! += 1 << (weight - 1)
  for (let weight = 1; weight <= maxBits; weight++) starts[weight + 1]! += starts[weight]!
  for (let symbol = 0; symbol < weights.length; symbol++) {
    const weight = weights[symbol]!
    if (weight === 0) continue
    const from = starts[weight]!
    starts[weight] = from + (1 << (weight - 1))
    codes.fill(symbol | ((bits + 1 - weight) << 8), from, starts[weight])
  }
  return { bits, codes }
}

/** Decodes one stream, which has to fill `target` exactly. */
export function readStream(
  { bits, codes }: HuffmanTable,
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): void {
  let { left } = new BackwardBits(bytes, start, end)
  let at = 0
  for (; at < target.length && left >= bits; at++) {
    const from = left - bits
    const byte = start + (from >> 3)
    const word = bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16)
    const code = codes[(word >>> (from & 7)) & ((1 << bits) - 1)]!
    target[at] = code
    left -= code >> 8
  }
  // The last code may be shorter than what is looked at.
  const last = bytes[start]! | (bytes[start + 1]! << 8)
  for (; at < target.length; at++) {
    const code = codes[((last & ((1 << left) - 1)) << (bits - left)) & ((1 << bits) - 1)]!
    target[at] = code
    left -= code >> 8
    if (left < 0) throw malformed('literals are cut off')
  }
  if (left !== 0) throw malformed('literals are left over')
}
