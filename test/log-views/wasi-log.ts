// Logs written by hand, call by call, of WASI functions as the ABI table has them.
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import type { LoggedFunction } from '../../runtime/log/functions.ts'
import { LogWriter, type LogWriterOptions } from '../../runtime/log/writer.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { findRow, wasmParameters } from '../../wasm-shim/wasi/abi.ts'
import { accessPlan, Ranges } from '../../wasm-shim/wasi/host-writes.ts'
import { keepLog, testSession } from '../log/guest-run.ts'

export interface HandWritten {
  readonly name: string
  /** Values of the wasm parameters; those left out are 0. */
  readonly params?: readonly number[]
  readonly errno?: number
  /** Words of the results. */
  readonly results?: readonly number[]
  /** What the guest gave, and what the host wrote. */
  readonly input?: string
  readonly output?: string
  /**
   * A call in one piece, by default; an intent and its result; or an intent that was left open, gave way to a
   * checkpoint, ended the program, or ended in an exception; or the result alone of one that was left open.
   */
  readonly how?: 'whole' | 'announced' | 'open' | 'result' | 'abandoned' | 'exit' | 'threw'
}

const module = 'wasi_snapshot_preview1'

export function shapeOf(name: string): LoggedFunction {
  const row = findRow(module, name)
  if (row === undefined) {
    return { module: 'env', name, params: [ValType.i32], results: [], resultWords: 0, input: false, output: false }
  }
  const { resultWords, inputs, outputs } = accessPlan(row, true)
  const params = wasmParameters(row).map((type) => ValType[type])
  const results = row.returns === 'errno' ? [ValType.i32] : []
  return { module, name, params, results, resultWords, input: inputs.length > 0, output: outputs.length > 0 }
}

export function writeCall(log: LogWriter, call: HandWritten): void {
  const { name, params = [], errno = 0, results = [], input = '', output = '', how = 'whole' } = call
  const fn = log.define(shapeOf(name))
  const plan = log.planOf(fn)
  const words = new Int32Array(plan.slots)
  params.forEach((value, i) => {
    words[i * 2] = value
  })
  if (plan.outcome > plan.params) words[plan.outcomeSlot] = errno
  words.set(results, plan.resultSlot)
  const [given, memory] = [input, output].map((text) => ({ bytes: new TextEncoder().encode(text) }))
  const [inputs, outputs] = [given!, memory!].map(({ bytes }) => {
    const ranges = new Ranges()
    ranges.add(0, bytes.length)
    return ranges
  })
  if (how === 'whole') log.call(fn, words, errno === 0, inputs!, given!, outputs!, memory!)
  else {
    if (how !== 'result') log.intent(fn, words, inputs!, given!)
    if (how === 'announced' || how === 'result') log.result(fn, words, errno === 0, outputs!, memory!)
    if (how === 'abandoned') log.abandon()
    if (how === 'exit') log.exit(params[0] ?? 0)
    if (how === 'threw') log.threw(output)
  }
}

/** The bytes of a log of these calls. */
export function wasiLog(calls: readonly HandWritten[], options: Partial<LogWriterOptions> = {}): Uint8Array {
  const log = keepLog()
  const writer = new LogWriter({
    session: testSession,
    sink: log.sink,
    chunks: new MemoryChunkStore(),
    quirks: 1,
    ...options,
  })
  for (const call of calls) writeCall(writer, call)
  writer.commit()
  return log.bytes()
}

/** Calls without parameters and results, of which there can be any number. */
export const yields = (count: number): HandWritten[] => Array.from({ length: count }, () => ({ name: 'sched_yield' }))
