import type { LogRecord, LogTail } from './record.ts'

/** What one function's calls come to. */
export interface CallCount {
  readonly module: string
  readonly name: string
  calls: number
  /** Results other than 0, of functions that return an errno. */
  failed: number
  /** Bytes in the log, payloads not counted, and bytes of payloads, wherever they are. */
  logged: number
  input: number
  output: number
}

export interface LogSummary {
  readonly calls: number
  readonly functions: readonly CallCount[]
  /** Effects that were announced and have no result. */
  readonly open: number
  readonly tail: LogTail
}

/** Counts calls and bytes by function. Holds no more than one record at a time, however long the log is. */
export function summarizeLog(records: Iterator<LogRecord, LogTail>): LogSummary {
  const counts: CallCount[] = []
  let calls = 0
  let open = 0
  for (;;) {
    const { value, done } = records.next()
    if (done) {
      const functions = counts.filter((count) => count !== undefined).sort((a, b) => b.calls - a.calls)
      return { calls, functions, open, tail: value }
    }
    const { shape, plan, words, number } = value.fn
    counts[number] ??= { module: shape.module, name: shape.name, calls: 0, failed: 0, logged: 0, input: 0, output: 0 }
    const count = counts[number]
    count.logged += value.size
    if (value.kind === 'call' || value.kind === 'intent') {
      count.calls++
      calls++
    }
    if (value.kind === 'intent') open++
    else if (value.kind !== 'call') open--
    if (value.kind === 'abandoned') {
      count.calls--
      calls--
    }
    if (value.kind !== 'call' && value.kind !== 'intent' && value.kind !== 'result') continue
    count.input += value.input.length
    count.output += value.output.length
    if (!value.input.chunked) count.logged -= value.input.length
    if (!value.output.chunked) count.logged -= value.output.length
    if (value.kind !== 'intent' && plan.outcome === plan.params + 1 && words[plan.params] !== 0) count.failed++
  }
}
