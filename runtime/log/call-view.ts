import { ValType } from '../../wasm-shim/module/model.ts'
import { findRow, type Row, wasmParameters } from '../../wasm-shim/wasi/abi.ts'
import { accessPlan } from '../../wasm-shim/wasi/host-writes.ts'
import { type ChunkSource, type Payload, payloadBytes } from './chunks.ts'
import type { LoggedFunction, WordPlan } from './functions.ts'
import type { LogFunction, LogRecord } from './record.ts'

/** How a call ended, as far as is known. */
export type Ending =
  | { readonly kind: 'returned' }
  | { readonly kind: 'pending' }
  /** It had begun when the program was killed, or the log was cut. */
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'threw'; readonly message: string }
  | { readonly kind: 'abandoned' }

/** All that is shown of one call; `words` in the layout of `plan`'s slots. */
export interface CallView {
  readonly shape: LoggedFunction
  readonly plan: WordPlan
  readonly row: Row | undefined
  readonly words: Int32Array
  /** The beginning of what the guest gave and of what the host wrote, and how much there was. */
  readonly input: Uint8Array
  readonly output: Uint8Array
  readonly inputLength: number
  readonly outputLength: number
  readonly ending: Ending
  /** Nanoseconds that the call took. */
  readonly duration?: bigint
}

/** Longer payloads are shown by their beginning. */
export const shownBytes = 4096

/** Words of a record as slots. */
export function slotWords({ plan, words }: LogFunction): Int32Array {
  const { map, all } = plan
  const slots = new Int32Array(plan.slots)
  for (let k = 0; k < all; k++) slots[map[k]!] = words[k]!
  return slots
}

const rows = new WeakMap<LoggedFunction, { readonly row: Row | undefined }>()

/** The row of a function whose words lie as the row says; a log that was tampered with may claim anything. */
export function rowOf(shape: LoggedFunction): Row | undefined {
  const known = rows.get(shape)
  if (known !== undefined) return known.row
  const found = findRow(shape.module, shape.name)
  const row = found !== undefined && isShapeOf(found, shape) ? found : undefined
  rows.set(shape, { row })
  return row
}

function isShapeOf(row: Row, { params, results, resultWords }: LoggedFunction): boolean {
  const wanted = wasmParameters(row).map((type) => ValType[type])
  const outcomes = row.returns === 'nothing' ? [] : [ValType.i32]
  const words = accessPlan(row, true).resultWords
  return params.join() === wanted.join() && results.join() === outcomes.join() && resultWords === words
}

const nothing = new Uint8Array(0)

/** Most calls have no payload, and even an empty array takes its time to make. */
const shownPart = (payload: Payload, chunks: ChunkSource | undefined, call: number) =>
  payload.length === 0 ? nothing : payloadBytes(payload, chunks, call, shownBytes).slice()

const returned: Ending = { kind: 'returned' }
const endings = { call: returned, intent: { kind: 'pending' }, result: returned } as const

/** A record to be shown; of a result only what it adds to its intent. */
export function viewRecord(record: LogRecord, chunks?: ChunkSource): CallView {
  switch (record.kind) {
    case 'call':
    case 'intent':
    case 'result': {
      const { input, output, call, fn } = record
      const given = shownPart(input, chunks, call)
      return viewOf(fn, given, input.length, shownPart(output, chunks, call), output.length, endings[record.kind])
    }
    case 'exit':
      return viewOf(record.fn, nothing, 0, nothing, 0, { kind: 'exit', code: record.code })
    case 'threw':
      return viewOf(record.fn, nothing, 0, nothing, 0, { kind: 'threw', message: record.message })
    case 'abandoned':
      return viewOf(record.fn, nothing, 0, nothing, 0, { kind: 'abandoned' })
  }
}

const viewOf = (
  fn: LogFunction,
  input: Uint8Array,
  inputLength: number,
  output: Uint8Array,
  outputLength: number,
  ending: Ending,
): CallView => ({
  shape: fn.shape,
  plan: fn.plan,
  row: rowOf(fn.shape),
  words: slotWords(fn),
  input,
  output,
  inputLength,
  outputLength,
  ending,
})
