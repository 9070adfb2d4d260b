import { rowOf } from './call-view.ts'
import type { LogFunction, LogRecord, LogTail } from './record.ts'
import { SizeHistogram } from './size-histogram.ts'

/** What one function's calls come to. */
export interface CallCount {
  readonly module: string
  readonly name: string
  calls: number
  /** Calls that returned an error number or ended in an exception. */
  failed: number
  /** Bytes in the log, payloads not counted, and bytes of payloads, wherever they are. */
  logged: number
  input: number
  output: number
}

export interface LogStatistics {
  readonly calls: number
  readonly failed: number
  /** Most calls first. */
  readonly functions: readonly CallCount[]
  /** Effects that were announced and have no result. */
  readonly open: number
  /** Bytes that a call takes in the log, payloads not counted: half of the calls take no more, 95 % take no more. */
  readonly median: number
  readonly p95: number
}

export interface LogSummary extends LogStatistics {
  readonly tail: LogTail
}

/** A function of the log that is being read, with what is known of it. */
interface Counted {
  readonly count: CallCount
  /** Where among its words the error number is, if it returns one. */
  readonly errnoAt: number | undefined
}

/** Counts calls and bytes by function, record by record: its size does not depend on how long the log is. */
export class LogCounter {
  calls = 0
  failed = 0
  readonly #counts = new Map<string, CallCount>()
  #functions: Counted[] = []
  readonly #sizes = new SizeHistogram()
  /** Effects without a result: number of the call, bytes so far. */
  #open: { call: number; bytes: number }[] = []
  #lost = 0

  /** Another log follows: its functions have other numbers. */
  begin(): void {
    this.#functions = []
    this.#lose(0)
  }

  /** Returns whether a call ended with this record that has failed. */
  add(record: LogRecord): boolean {
    const { kind, fn, call } = record
    const { count, errnoAt } = this.#counted(fn)
    let own = record.size
    if (kind === 'call' || kind === 'intent' || kind === 'result') {
      const { input, output } = record
      count.input += input.length
      count.output += output.length
      if (!input.chunked) own -= input.length
      if (!output.chunked) own -= output.length
    }
    count.logged += own
    if (kind === 'call' || kind === 'intent') {
      if (this.#open.length > 0) this.#lose(call)
      count.calls++
      this.calls++
    }
    if (kind === 'intent') {
      this.#open.push({ call, bytes: own })
      return false
    }
    if (kind !== 'call') own += this.#close(call)
    if (kind === 'abandoned') {
      count.calls--
      this.calls--
      return false
    }
    this.#sizes.add(own)
    const failed = kind === 'threw' || (kind !== 'exit' && errnoAt !== undefined && fn.words[errnoAt] !== 0)
    if (!failed) return false
    count.failed++
    this.failed++
    return true
  }

  result(): LogStatistics {
    const functions = [...this.#counts.values()].sort((a, b) => b.calls - a.calls || payloads(b) - payloads(a))
    const { calls, failed } = this
    const [median, p95] = [this.#sizes.quantile(0.5), this.#sizes.quantile(0.95)]
    return { calls, failed, functions, open: this.#open.length + this.#lost, median, p95 }
  }

  #counted(fn: LogFunction): Counted {
    const known = this.#functions[fn.number]
    if (known !== undefined) return known
    const { module, name } = fn.shape
    const key = JSON.stringify([module, name])
    const count = this.#counts.get(key) ?? { module, name, calls: 0, failed: 0, logged: 0, input: 0, output: 0 }
    this.#counts.set(key, count)
    const counted = { count, errnoAt: rowOf(fn.shape)?.returns === 'errno' ? fn.plan.params : undefined }
    this.#functions[fn.number] = counted
    return counted
  }

  #close(call: number): number {
    const at = this.#open.findIndex((open) => open.call === call)
    return at < 0 ? 0 : this.#open.splice(at, 1)[0]!.bytes
  }

  /** Calls from `call` on are made again, or nothing more is known of them. */
  #lose(call: number): void {
    const left = this.#open.filter((open) => open.call < call)
    this.#lost += this.#open.length - left.length
    this.#open = left
  }
}

const payloads = ({ input, output }: CallCount) => input + output

/** Counts the calls of one log. Holds no more than one record at a time, however long the log is. */
export function summarizeLog(records: Iterator<LogRecord, LogTail>): LogSummary {
  const counter = new LogCounter()
  for (;;) {
    const { value, done } = records.next()
    if (done) return { ...counter.result(), tail: value }
    counter.add(value)
  }
}
