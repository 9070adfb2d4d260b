/**
 * Calls as text, like strace's: `path_open(3, symlink_follow, "notes.txt", creat|trunc, ...) = opened_fd 5 <12 µs>`. Names,
 * flags in words, texts shortened, errnos by name, all from the ABI table.
 */

import { guestModule } from '../../wasm-shim/guest-abi/abi.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import type { Param, Result, Values } from '../../wasm-shim/wasi/abi.ts'
import { FileTypeNumber, Rights } from '../../wasm-shim/wasi/flags.ts'
import { maxPath } from '../../wasm-shim/wasi/guest-memory.ts'
import type { Layout } from '../../wasm-shim/wasi/layout.ts'
import { errnoName, recordFields, unsigned64 } from './call-values.ts'
import type { CallView } from './call-view.ts'

/** Bytes of a text or of data that are shown. */
const shown = 48

const nameOfNumber = (names: Readonly<Record<string, number>>, number: number) =>
  Object.keys(names).find((name) => names[name] === number)

/** One line, without a line end. */
export function formatCall(view: CallView): string {
  const { shape, row } = view
  const isWasi = row !== undefined && shape.module !== guestModule
  const name = isWasi ? shape.name : `${shape.module}.${shape.name}`
  const args = row === undefined ? plainArguments(view) : rowArguments(view, row.params)
  return `${name}(${args.join(', ')})${ending(view)}${duration(view.duration)}`
}

function ending(view: CallView): string {
  switch (view.ending.kind) {
    case 'returned':
      return ` = ${outcome(view)}`
    case 'pending':
      return ' ...'
    case 'unfinished':
      return ' = ?'
    case 'exit':
      return ` exits with ${view.ending.code}`
    case 'threw':
      return ` throws ${quote(new TextEncoder().encode(view.ending.message))}`
    case 'abandoned':
      return ' gives way to a checkpoint'
  }
}

function duration(nanoseconds: bigint | undefined): string {
  if (nanoseconds === undefined) return ''
  const number = Number(nanoseconds)
  if (number < 10_000) return ` <${number} ns>`
  return number < 10_000_000 ? ` <${Math.round(number / 1000)} µs>` : ` <${Math.round(number / 1_000_000)} ms>`
}

function outcome(view: CallView): string {
  const { row, plan, words, shape } = view
  if (row === undefined) {
    const values = shape.results.map((type, i) => number(words, plan.outcomeSlot / 2 + i, type))
    return values.length === 0 ? 'nothing' : values.join(', ')
  }
  const errno = words[plan.outcomeSlot]!
  if (row.returns === 'value') return errno < 0 ? errnoName(-errno) : String(errno)
  if (errno !== 0) return errnoName(errno)
  let slot = plan.resultSlot
  const results = row.results.map((result) => {
    const text = resultText(words, slot, result)
    slot += result.kind === 'record' ? result.layout.size / 4 : result.type === 'u64' ? 2 : 1
    return text
  })
  return results.length === 0 ? '0' : results.join(', ')
}

function resultText(words: Int32Array, slot: number, result: Result): string {
  if (result.kind === 'record') {
    return recordText(new DataView(words.buffer, words.byteOffset + slot * 4), result.layout)
  }
  const value = result.type === 'u64' ? unsigned64(words, slot) : words[slot]! >>> 0
  return `${result.name} ${result.values ? valueText(result.values, BigInt(value)) : value}`
}

function recordText(view: DataView, layout: Layout): string {
  const fields = recordFields(view, layout).map(([name, value]) => {
    if (name === 'filetype') return `filetype ${nameOfNumber(FileTypeNumber, Number(value)) ?? value}`
    if (name.startsWith('rights')) return `${name} ${rightsText(value as bigint)}`
    return `${name} ${value}`
  })
  return `{${fields.join(', ')}}`
}

function number(words: Int32Array, slot: number, type: ValType): string {
  const view = new DataView(words.buffer, words.byteOffset + slot * 8, 8)
  switch (type) {
    case ValType.i32:
      return String(view.getInt32(0, true))
    case ValType.i64:
      return String(view.getBigInt64(0, true))
    case ValType.f32:
      return String(view.getFloat32(0, true))
    case ValType.f64:
      return String(view.getFloat64(0, true))
    default:
      return 'reference'
  }
}

const plainArguments = ({ shape, words }: CallView) => shape.params.map((type, slot) => number(words, slot, type))

function rowArguments(view: CallView, params: readonly Param[]): string[] {
  const { words, input, output, inputLength, outputLength, ending } = view
  const given = new Taken(input, inputLength)
  const written = new Taken(output, outputLength)
  const done = ending.kind === 'returned' && words[view.plan.outcomeSlot] === 0
  let slot = 0
  const show = (param: Param): string => {
    const at = slot++
    const low = words[at * 2]! >>> 0
    switch (param.kind) {
      case 'fd':
        return String(low)
      case 'scalar':
        if (param.values) return valueText(param.values, param.type === 'u64' ? unsigned64(words, at * 2) : BigInt(low))
        if (param.type === 'u64') return String(unsigned64(words, at * 2))
        return param.type === 's64' ? String(BigInt.asIntN(64, unsigned64(words, at * 2))) : String(low)
      case 'string': {
        const length = words[slot++ * 2]! >>> 0
        return given.text(Math.min(length, maxPath)) ?? `${address(low)} ${length} bytes`
      }
      case 'vectors': {
        const count = words[slot++ * 2]! >>> 0
        const text = param.direction === 'in' ? given.rest() : done ? written.rest() : undefined
        return text ?? `${address(low)} ${count} ${count === 1 ? 'vector' : 'vectors'}`
      }
      case 'buffer': {
        const length = words[slot++ * 2]! >>> 0
        return (done ? written.rest() : undefined) ?? `${address(low)} ${length} bytes`
      }
      case 'pointer':
        return address(low)
    }
  }
  return params.map(show)
}

/** Takes pieces from the front of a payload of which the beginning is known. */
class Taken {
  readonly #bytes: Uint8Array
  readonly #length: number
  #at = 0

  constructor(bytes: Uint8Array, length: number) {
    this.#bytes = bytes
    this.#length = length
  }

  text(length: number): string | undefined {
    if (this.#at + length > this.#bytes.length) return undefined
    this.#at += length
    return quote(this.#bytes.subarray(this.#at - length, this.#at))
  }

  rest(): string | undefined {
    if (this.#length === 0) return undefined
    const bytes = this.#bytes.subarray(this.#at)
    const length = this.#length - this.#at
    this.#at = this.#bytes.length
    return length > shown ? `${quote(bytes)} ${length} bytes` : quote(bytes)
  }
}

const address = (pointer: number) => `0x${pointer.toString(16)}`

function valueText(values: Values, value: bigint): string {
  if (values.kind === 'enum') return nameOfNumber(values.numbers, Number(value)) ?? String(value)
  if (values.numbers === Rights) return rightsText(value)
  const names = Object.keys(values.numbers).filter((name) => (value & BigInt(values.numbers[name]!)) !== 0n)
  const rest = Object.values(values.numbers).reduce((left, bit) => left & ~BigInt(bit), value)
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`)
  return names.join('|') || '0'
}

const allNames = Object.keys(Rights)

/** Programs ask for nearly all there are: then those that are missing are told. */
function rightsText(rights: bigint): string {
  const missing = allNames.filter((name) => (rights & BigInt(Rights[name as keyof typeof Rights])) === 0n)
  if (missing.length === 0) return 'all'
  if (missing.length === allNames.length) return '0'
  if (missing.length > allNames.length / 2) return allNames.filter((name) => !missing.includes(name)).join('|')
  return `all but ${missing.join('|')}`
}

const escapes: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 92: '\\\\' }

/** ASCII in quotes, other bytes escaped; `...` where it goes on. */
function quote(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes.subarray(0, shown)) {
    const plain = byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
    text += escapes[byte] ?? plain
  }
  return `"${text}"${bytes.length > shown ? '...' : ''}`
}
