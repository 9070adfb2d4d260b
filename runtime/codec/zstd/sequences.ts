import { BackwardBits, malformed } from './bits.ts'
import { constantTable, type FseTable, readTable, tableOf } from './fse.ts'

/** What a block leaves for the next one: its tables, and the latest three offsets. */
export interface SequencesState {
  tables?: readonly [FseTable, FseTable, FseTable]
  readonly offsets: [number, number, number]
}

/** Tables in the order in which a block has them: lengths of literals, offsets, lengths of matches. */
const limits = [
  { accuracy: 9, symbol: 35 },
  { accuracy: 8, symbol: 31 },
  { accuracy: 9, symbol: 52 },
] as const

/** RFC 8878, 3.1.1.3.2.2. */
const predefined = [
  tableOf(
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
    6,
  ),
  tableOf([1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1], 5),
  tableOf([1, 4, 3, 2, 2, 2, 2, 2, 2, ...Array<number>(37).fill(1), -1, -1, -1, -1, -1, -1, -1], 6),
] as const

/** Bits that follow a code, and the length that the code begins with. */
const literalBits = [...Array<number>(16).fill(0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
const matchBits = [
  ...Array<number>(32).fill(0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
]
const basesOf = (bits: readonly number[], first: number): number[] => {
  let base = first
  return bits.map((count) => {
    base += 2 ** count
    return base - 2 ** count
  })
}
const literalBases = Uint32Array.from(basesOf(literalBits, 0))
const matchBases = Uint32Array.from(basesOf(matchBits, 3))
const literalExtra = Uint8Array.from(literalBits)
const matchExtra = Uint8Array.from(matchBits)

/** An offset of so many bits goes further back than any content that is taken. */
const maxOffsetBits = 24

/**
 * Executes the sequences of a block, from `start` to `end`: literals and copies of what came before, written to `out` from
 * `at` on. Returns where the block's content ends. Each step writes at least three bytes, so that it comes to an end.
 */
export function execute(
  bytes: Uint8Array,
  start: number,
  end: number,
  literals: Uint8Array,
  out: Uint8Array,
  at: number,
  state: SequencesState,
): number {
  const { count, next } = readCount(bytes, start, end)
  let written = at
  let used = 0
  if (count > 0) {
    const { tables, from } = readTables(bytes, next, end, state)
    const [literalTable, offsetTable, matchTable] = tables
    const { offsets } = state
    const bits = new BackwardBits(bytes, from, end)
    let literalState = bits.read(literalTable.accuracy)
    let offsetState = bits.read(offsetTable.accuracy)
    let matchState = bits.read(matchTable.accuracy)
    for (let left = count; left > 0; left--) {
      const literal = literalTable.states[literalState]!
      const offsetEntry = offsetTable.states[offsetState]!
      const match = matchTable.states[matchState]!
      const offsetBits = offsetEntry & 255
      if (offsetBits > maxOffsetBits) throw malformed('an offset is too large')
      const raw = 2 ** offsetBits + bits.read(offsetBits)
      const matchLength = matchBases[match & 255]! + bits.read(matchExtra[match & 255]!)
      const literalLength = literalBases[literal & 255]! + bits.read(literalExtra[literal & 255]!)
      if (left > 1) {
        literalState = (literal >>> 16) + bits.read((literal >> 8) & 255)
        matchState = (match >>> 16) + bits.read((match >> 8) & 255)
        offsetState = (offsetEntry >>> 16) + bits.read((offsetEntry >> 8) & 255)
      }
      if (bits.left < 0) throw malformed('sequences are cut off')
      const offset = raw > 3 ? pushed(offsets, raw - 3) : repeated(offsets, literalLength === 0 ? raw : raw - 1)
      if (literalLength > literals.length - used) throw malformed('a block has too few literals')
      if (literalLength + matchLength > out.length - written) throw malformed('a block is too long')
      copy(literals, used, out, written, literalLength)
      used += literalLength
      written += literalLength
      if (offset === 0 || offset > written) throw malformed('an offset goes back too far')
      repeat(out, written, offset, matchLength)
      written += matchLength
    }
    if (bits.left !== 0) throw malformed('bits of sequences are left over')
  } else if (next !== end) throw malformed('something follows a block')
  const rest = literals.length - used
  if (rest > out.length - written) throw malformed('a block is too long')
  copy(literals, used, out, written, rest)
  return written + rest
}

function readCount(bytes: Uint8Array, at: number, end: number): { readonly count: number; readonly next: number } {
  const first = at < end ? bytes[at]! : -1
  const size = first < 128 ? 1 : first < 255 ? 2 : 3
  if (first < 0 || at + size > end) throw malformed('sequences are cut off')
  const count =
    size === 1
      ? first
      : size === 2
        ? ((first - 128) << 8) + bytes[at + 1]!
        : bytes[at + 1]! + (bytes[at + 2]! << 8) + 0x7f00
  return { count, next: at + size }
}

function readTables(bytes: Uint8Array, start: number, end: number, state: SequencesState) {
  const modes = start < end ? bytes[start]! : 3
  if ((modes & 3) !== 0) throw malformed('the tables of a block are of an unknown kind')
  let from = start + 1
  const tables = limits.map((limit, i) => {
    switch ((modes >> (6 - 2 * i)) & 3) {
      case 0:
        return predefined[i]!
      case 1: {
        const symbol = from < end ? bytes[from++]! : 255
        if (symbol > limit.symbol) throw malformed('a symbol is too large')
        return constantTable(symbol)
      }
      case 2: {
        const read = readTable(bytes, from, end, limit)
        from = read.at
        return read.table
      }
      default: {
        const before = state.tables?.[i]
        if (before === undefined) throw malformed('a block uses a table that there was not')
        return before
      }
    }
  }) as [FseTable, FseTable, FseTable]
  state.tables = tables
  return { tables, from }
}

function pushed(offsets: SequencesState['offsets'], offset: number): number {
  offsets[2] = offsets[1]
  offsets[1] = offsets[0]
  offsets[0] = offset
  return offset
}

/** One of the latest offsets, which is the latest then; 3: the latest less 1. */
function repeated(offsets: SequencesState['offsets'], index: number): number {
  const offset = index === 3 ? offsets[0] - 1 : offsets[index]!
  if (index === 0) return offset
  if (index > 1) offsets[2] = offsets[1]
  offsets[1] = offsets[0]
  offsets[0] = offset
  return offset
}

/** From so many bytes on a call of the engine is faster than a loop. */
const longCopy = 48

function copy(from: Uint8Array, at: number, out: Uint8Array, to: number, length: number): void {
  if (length >= longCopy) out.set(from.subarray(at, at + length), to)
  else for (let i = 0; i < length; i++) out[to + i] = from[at + i]!
}

/** The copy may read what it has just written. */
function repeat(out: Uint8Array, to: number, offset: number, length: number): void {
  if (length >= longCopy && offset >= length) out.copyWithin(to, to - offset, to - offset + length)
  else if (length >= longCopy && offset === 1) out.fill(out[to - 1]!, to, to + length)
  else for (let i = 0; i < length; i++) out[to + i] = out[to - offset + i]!
}
