import { BackwardBits, highestBit, malformed } from './bits.ts'

/** A decoding table of finite state entropy: of each state the symbol, the bits to read, and what to add to them. */
export interface FseTable {
  /** States are numbers of so many bits. */
  readonly accuracy: number
  /** symbol | bits << 8 | base << 16 */
  readonly states: Uint32Array
}

/** The table that gives one symbol for ever, and takes no bits. */
export function constantTable(symbol: number): FseTable {
  return { accuracy: 0, states: Uint32Array.of(symbol) }
}

/** `counts`: how many states each symbol has; -1: one, at the end. They add up to 2 ** accuracy. */
export function tableOf(counts: ArrayLike<number>, accuracy: number): FseTable {
  const size = 1 << accuracy
  const symbols = new Uint8Array(size)
  const next = new Uint16Array(counts.length)
  let end = size
  for (let symbol = 0; symbol < counts.length; symbol++) {
    if (counts[symbol] === -1) symbols[--end] = symbol
    next[symbol] = Math.abs(counts[symbol]!)
  }
  const step = (size >> 1) + (size >> 3) + 3
  let at = 0
  for (let symbol = 0; symbol < counts.length; symbol++) {
    for (let i = 0; i < counts[symbol]!; i++) {
      symbols[at] = symbol
      do at = (at + step) & (size - 1)
      while (at >= end)
    }
  }
  const states = new Uint32Array(size)
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state]!
    const number = next[symbol]!++
    const bits = accuracy - highestBit(number)
    states[state] = symbol | (bits << 8) | (((number << bits) - size) << 16)
  }
  return { accuracy, states }
}

/** Reads a table's description from `at` on. Returns where it ends. */
export function readTable(
  bytes: Uint8Array,
  at: number,
  end: number,
  limits: { readonly accuracy: number; readonly symbol: number },
): { readonly table: FseTable; readonly at: number } {
  let position = at * 8
  const read = (count: number): number => {
    const from = position >> 3
    const word = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16)
    const value = (word >>> (position & 7)) & ((1 << count) - 1)
    position += count
    return value
  }
  const accuracy = read(4) + 5
  if (accuracy > limits.accuracy) throw malformed('a table is too large')
  const counts: number[] = []
  for (let left = 1 << accuracy; left > 0; ) {
    if (counts.length > limits.symbol) throw malformed('a table has too many symbols')
    const bits = highestBit(left + 1) + 1
    const short = 2 ** bits - 2 - left
    let value = read(bits)
    const low = value & (2 ** (bits - 1) - 1)
    if (low < short) {
      position--
      value = low
    } else if (value !== low) value -= short
    counts.push(value - 1)
    left -= Math.abs(value - 1)
    for (let zeros = value === 1 ? 3 : 0; zeros === 3; ) {
      zeros = read(2)
      for (let i = 0; i < zeros; i++) counts.push(0)
      if (counts.length > limits.symbol + 1) throw malformed('a table has too many symbols')
    }
  }
  const after = (position + 7) >> 3
  if (after > end) throw malformed('a table is cut off')
  return { table: tableOf(counts, accuracy), at: after }
}

/** Symbols that two states give in turns, at most 255, until the bits are used up. */
export function readSymbols({ accuracy, states }: FseTable, bytes: Uint8Array, start: number, end: number): number[] {
  const bits = new BackwardBits(bytes, start, end)
  let one = bits.read(accuracy)
  let other = bits.read(accuracy)
  if (bits.left < 0) throw malformed('symbols are cut off')
  const symbols: number[] = []
  for (;;) {
    const entry = states[one]!
    symbols.push(entry & 255)
    const added = bits.read((entry >> 8) & 255)
    if (bits.left < 0) break
    ;[one, other] = [other, (entry >>> 16) + added]
    if (symbols.length > 255) throw malformed('there are too many symbols')
  }
  symbols.push(states[other]! & 255)
  return symbols
}
