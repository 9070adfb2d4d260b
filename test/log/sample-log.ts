import { MemoryChunkStore, payloadBytes } from '../../runtime/log/chunks.ts'
import { type LoggedFunction, wordPlan } from '../../runtime/log/functions.ts'
import { readLog } from '../../runtime/log/reader.ts'
import type { LogTail } from '../../runtime/log/record.ts'
import { LogWriter, type LogWriterOptions } from '../../runtime/log/writer.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { Ranges } from '../../wasm-shim/wasi/host-writes.ts'
import { keepLog, testSession } from './guest-run.ts'

/** A record as plain data, to compare. Words in record order. */
export type Plain =
  | {
      readonly kind: 'call' | 'intent' | 'result'
      readonly fn: number
      readonly words: readonly number[]
      readonly input?: string
      readonly output?: string
    }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'threw'; readonly message: string }
  | { readonly kind: 'abandoned' }

export const functions: readonly LoggedFunction[] = [
  { params: [ValType.i32], results: [ValType.i32], resultWords: 0, input: false, output: false },
  {
    params: [ValType.i32, ValType.i64, ValType.i32],
    results: [ValType.i32],
    resultWords: 2,
    input: false,
    output: true,
  },
  { params: [ValType.i32, ValType.i32], results: [ValType.i32], resultWords: 16, input: true, output: true },
  { params: [ValType.f64, ValType.externref], results: [ValType.f32], resultWords: 0, input: false, output: false },
  { params: Array(40).fill(ValType.i64), results: [], resultWords: 0, input: true, output: false },
].map((shape, i) => ({ module: 'sample', name: `f${i}`, ...shape }))

export const plans: readonly ReturnType<typeof wordPlan>[] = functions.map(wordPlan)

const bytesOf = (hex: string | undefined) => Uint8Array.from(Buffer.from(hex ?? '', 'hex'))

function rangesOf(bytes: Uint8Array): Ranges {
  const ranges = new Ranges()
  // Two pieces, so that gathering is tried.
  const half = bytes.length >> 1
  ranges.add(0, half)
  ranges.add(half, bytes.length - half)
  return ranges
}

/** Words of the whole function from the part that a record has. */
function slots(fn: number, words: readonly number[], from: number): Int32Array {
  const plan = plans[fn]!
  const all = new Int32Array(plan.slots)
  words.forEach((word, i) => {
    all[plan.map[from + i]!] = word
  })
  return all
}

export function writeRecords(writer: LogWriter, records: readonly Plain[]): void {
  const numbers = functions.map((fn) => writer.define(fn))
  for (const record of records) {
    if (record.kind === 'exit') writer.exit(record.code)
    else if (record.kind === 'threw') writer.threw(record.message)
    else if (record.kind === 'abandoned') writer.abandon()
    else {
      const { fn, kind } = record
      const [input, output] = [bytesOf(record.input), bytesOf(record.output)]
      const words = slots(fn, record.words, kind === 'result' ? plans[fn]!.params : 0)
      const number = numbers[fn]!
      const given = { bytes: input }
      const memory = { bytes: output }
      if (kind === 'call') writer.call(number, words, true, rangesOf(input), given, rangesOf(output), memory)
      else if (kind === 'intent') writer.intent(number, words, rangesOf(input), given)
      else writer.result(number, words, true, rangesOf(output), memory)
    }
  }
}

export function logOf(
  records: readonly Plain[],
  options: Partial<LogWriterOptions> = {},
  commitEvery = 0,
): { readonly bytes: Uint8Array; readonly chunks: MemoryChunkStore; readonly ends: readonly number[] } {
  const log = keepLog()
  const chunks = new MemoryChunkStore()
  const ends: number[] = []
  const writer = new LogWriter({ session: testSession, sink: log.sink, chunks, ...options })
  if (commitEvery === 0) writeRecords(writer, records)
  else {
    for (let at = 0; at < records.length; at += commitEvery) {
      writeRecords(writer, records.slice(at, at + commitEvery))
      writer.commit()
      ends.push(writer.bytes)
    }
  }
  writer.commit()
  return { bytes: log.bytes(), chunks, ends }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Reads until the end or the error. */
export function readRecords(
  pieces: Iterable<Uint8Array>,
  chunks?: MemoryChunkStore,
): { readonly records: Plain[]; readonly calls: number[]; readonly tail?: LogTail; readonly error?: unknown } {
  const records: Plain[] = []
  const calls: number[] = []
  const reading = readLog(pieces)
  try {
    for (;;) {
      const { value, done } = reading.next()
      if (done) return { records, calls, tail: value }
      calls.push(value.call)
      if (value.kind === 'exit') records.push({ kind: 'exit', code: value.code })
      else if (value.kind === 'threw') records.push({ kind: 'threw', message: value.message })
      else if (value.kind === 'abandoned') records.push({ kind: 'abandoned' })
      else {
        const { kind, input, output, call } = value
        const { words, number, plan, shape } = value.fn
        const from = kind === 'result' ? plan.params : 0
        const part = Array.from(words.subarray(from, kind === 'intent' ? plan.params : plan.all))
        records.push({
          kind,
          fn: number,
          words: part,
          ...(shape.input && kind !== 'result' && { input: hexOf(payloadBytes(input, chunks, call)) }),
          ...(shape.output && kind !== 'intent' && { output: hexOf(payloadBytes(output, chunks, call)) }),
        })
      }
    }
  } catch (error) {
    return { records, calls, error }
  }
}

/** A generator with a seed (Numerical Recipes' constants), so that a failure can be repeated. */
export function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Records as a program makes them: small differences, effects in brackets, some payloads. */
export function typicalRecords(count: number, seed: number): Plain[] {
  const next = random(seed)
  const hex = (length: number) => Buffer.from(Array.from({ length }, () => next(256))).toString('hex')
  const words = (from: number, to: number) =>
    Array.from({ length: to - from }, () => (next(4) === 0 ? next(2 ** 32) | 0 : next(200)))
  const records: Plain[] = []
  while (records.length < count) {
    const fn = next(4)
    const { params, all } = plans[fn]!
    const { input, output } = functions[fn]!
    const given = input ? { input: hex(next(12)) } : {}
    const written = output ? { output: hex(next(20)) } : {}
    if (next(3) > 0) records.push({ kind: 'call', fn, words: words(0, all), ...given, ...written })
    else {
      records.push({ kind: 'intent', fn, words: words(0, params), ...given })
      const end = next(30)
      if (end === 0) records.push({ kind: 'threw', message: 'no' })
      else if (end === 1) records.push({ kind: 'abandoned' })
      else records.push({ kind: 'result', fn, words: words(params, all), ...written })
    }
  }
  return records
}
