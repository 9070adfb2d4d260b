import { ValType } from '../../wasm-shim/module/model.ts'
import type { Result } from '../../wasm-shim/wasi/abi.ts'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { maxPath } from '../../wasm-shim/wasi/guest-memory.ts'
import type { FieldType, Layout } from '../../wasm-shim/wasi/layout.ts'
import type { CallView } from './call-view.ts'

/** A 32-bit number, or a wider one (and what JSON has no number for) as a text. */
export type PlainNumber = number | string
export type PlainResult = PlainNumber | Readonly<Record<string, PlainNumber>>

const text = new TextDecoder()
const errnoNames = new Map<number, string>(Object.entries(Errno).map(([name, number]) => [number, name]))

export const errnoName = (errno: number): string => errnoNames.get(errno) ?? `errno ${errno}`

/** The error number that a finished call returned; undefined where it returns none, or did not return. */
export function errnoOf(view: CallView): number | undefined {
  return view.ending.kind === 'returned' && view.row?.returns === 'errno'
    ? view.words[view.plan.outcomeSlot]
    : undefined
}

/** Whether the call returned an error, or ended in an exception. */
export function hasFailed(view: CallView): boolean {
  return view.ending.kind === 'threw' || (errnoOf(view) ?? 0) !== 0
}

/** Parameters by their names in the ABI table; lengths and counts are named as in WASI's own text, `path_len`. */
export function paramValues(view: CallView): Readonly<Record<string, PlainNumber>> {
  const { row, shape, words } = view
  const at = (slot: number) => plainNumber(words, slot * 2, shape.params[slot]!)
  if (row === undefined) return Object.fromEntries(shape.params.map((_, slot) => [`p${slot}`, at(slot)]))
  const values: Record<string, PlainNumber> = {}
  let slot = 0
  for (const param of row.params) {
    const { name } = param
    if (param.kind === 'scalar' && param.type === 'u64') values[name] = String(unsigned64(words, slot++ * 2))
    else if (param.kind === 'scalar') values[name] = signed(param.type, at(slot++))
    else values[name] = unsigned(at(slot++))
    if (param.kind === 'string' || param.kind === 'vectors' || param.kind === 'buffer') {
      values[`${name}_len`] = unsigned(at(slot++))
    }
  }
  return values
}

const unsigned = (value: PlainNumber): PlainNumber => (typeof value === 'number' ? value >>> 0 : value)
const signed = (type: string, value: PlainNumber) => (type === 's64' ? value : unsigned(value))

/** Descriptors and texts among the parameters, by name: what a call is about. */
export interface CallSubject {
  readonly fds: ReadonlyMap<string, number>
  readonly strings: ReadonlyMap<string, string>
}

export function subjectOf({ row, words, input }: CallView): CallSubject {
  const fds = new Map<string, number>()
  const strings = new Map<string, string>()
  let slot = 0
  let given = 0
  for (const param of row?.params ?? []) {
    const low = words[slot++ * 2]! >>> 0
    if (param.kind === 'fd') fds.set(param.name, low)
    if (param.kind !== 'string' && param.kind !== 'vectors' && param.kind !== 'buffer') continue
    const length = words[slot++ * 2]! >>> 0
    if (param.kind !== 'string') continue
    const end = given + Math.min(length, maxPath)
    // An address outside of memory: nothing was given.
    if (end <= input.length) strings.set(param.name, text.decode(input.subarray(given, end)))
    given = end
  }
  return { fds, strings }
}

/** Results by name; empty after an error. */
export function resultValues(view: CallView): Readonly<Record<string, PlainResult>> {
  const { row, shape, words, plan, ending } = view
  if (ending.kind !== 'returned') return {}
  if (row === undefined) {
    const values = shape.results.map((type, i) => [`r${i}`, plainNumber(words, plan.outcomeSlot + i * 2, type)])
    return Object.fromEntries(values)
  }
  if (row.returns === 'value') return { value: words[plan.outcomeSlot]! }
  if (words[plan.outcomeSlot] !== 0) return {}
  const values: Record<string, PlainResult> = {}
  let slot = plan.resultSlot
  for (const result of row.results) {
    values[result.name] = resultValue(words, slot, result)
    slot += result.kind === 'record' ? result.layout.size / 4 : result.type === 'u64' ? 2 : 1
  }
  return values
}

function resultValue(words: Int32Array, slot: number, result: Result): PlainResult {
  if (result.kind === 'scalar') return result.type === 'u64' ? String(unsigned64(words, slot)) : words[slot]! >>> 0
  const view = new DataView(words.buffer, words.byteOffset + slot * 4)
  return Object.fromEntries(recordFields(view, result.layout).map(([name, value]) => [name, plain(value)]))
}

const plain = (value: number | bigint): PlainNumber => (typeof value === 'bigint' ? String(value) : value)

/** The fields of a record in guest memory. */
export function recordFields(view: DataView, { fields }: Layout): readonly (readonly [string, number | bigint])[] {
  return fields.map(({ name, offset, type }) => [name, fieldValue(view, offset, type)])
}

function fieldValue(view: DataView, offset: number, type: FieldType): number | bigint {
  switch (type) {
    case 'u64':
      return view.getBigUint64(offset, true)
    case 'u32':
      return view.getUint32(offset, true)
    case 'u16':
      return view.getUint16(offset, true)
    case 'u8':
      return view.getUint8(offset)
  }
}

/** From two words, without touching their buffer: making one of a small typed array takes longer than all the rest. */
export function unsigned64(words: Int32Array, at: number): bigint {
  return BigInt((words[at + 1]! >>> 0) * 2 ** 32) + BigInt(words[at]! >>> 0)
}

const long = (words: Int32Array, slot: number) => new DataView(words.buffer, words.byteOffset + slot * 4, 8)

function plainNumber(words: Int32Array, slot: number, type: ValType): PlainNumber {
  const view = long(words, slot)
  switch (type) {
    case ValType.i32:
      return view.getInt32(0, true)
    case ValType.i64:
      return String(view.getBigInt64(0, true))
    case ValType.f32:
      return finite(view.getFloat32(0, true))
    case ValType.f64:
      return finite(view.getFloat64(0, true))
    default:
      return 'reference'
  }
}

const finite = (value: number): PlainNumber => (Number.isFinite(value) ? value : String(value))
