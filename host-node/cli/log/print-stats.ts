import type { LogStatistics } from '../../../runtime/log/summary.ts'
import type { SessionLog } from '../../../runtime/store/session-log.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { formatSize, formatTable, formatTime, plural, printable } from '../format.ts'
import type { Terminal } from '../terminal.ts'
import { otherRuns, tailText } from './end-text.ts'
import { tailJson } from './lines.ts'
import type { FoundLog } from './open-log.ts'
import { readStatistics, type SessionStatistics } from './session-statistics.ts'

/** Prints what a log comes to. Throws what is wrong with it, after what was counted before. */
export async function printStats(store: Store, found: FoundLog, json: boolean, terminal: Terminal): Promise<void> {
  const statistics = await readStatistics(store, found.log)
  if (json) {
    terminal.out(JSON.stringify(statsJson(found, statistics)))
    if (statistics.error !== undefined) throw statistics.error
    return
  }
  terminal.out(statsText(found.log, statistics, terminal))
  const { tail, gaps, last, error } = statistics
  for (const { from, to } of gaps) terminal.err(`Calls ${from} to ${to - 1} are not in this log.`)
  if (error !== undefined) throw error
  terminal.err(tailText(tail, store.locate(last.blob), found.owner))
  for (const line of otherRuns(found.log)) terminal.err(line)
}

const count = (value: number) => value.toLocaleString('en-US')

function statsText(log: SessionLog, { counted, bytes }: SessionStatistics, terminal: Terminal): string {
  const title = (text: string) => terminal.style('bold', text)
  const { calls, failed, functions, open, median, p95 } = counted
  const { input, output, logged } = totals(counted)
  const rows = functions.map((one) => [
    printable(one.module.startsWith('wasi_') ? one.name : `${one.module}.${one.name}`),
    ...[one.calls, one.failed].map(count),
    ...[one.logged, one.input, one.output].map(formatSize),
  ])
  const table = formatTable(
    ['FUNCTION', 'CALLS', 'FAILED', 'LOGGED', 'GIVEN', 'RETURNED'].map((title, i) =>
      i === 0 ? { title } : { title, align: 'right' as const },
    ),
    [...rows, ['all', ...[calls, failed].map(count), ...[logged, input, output].map(formatSize)]],
  )
  const unfinished = open === 0 ? '' : ` ${plural(open, 'call')} did not end.`
  return [
    `${title(log.session)}, run ${log.run}: ${plural(calls, 'call')}, ${count(failed)} failed.${unfinished}`,
    `${plural(log.segments.length, 'log file')} of ${formatSize(bytes)}; ${formatSize(input + output)} of payloads.`,
    `A call takes ${median} bytes in the median without its payload, and 95 % take at most ${p95}.`,
    '',
    table,
    '',
    ...checkpointLines(log),
  ].join('\n')
}

function checkpointLines({ checkpoints }: SessionLog): readonly string[] {
  if (checkpoints.length === 0) return ['No checkpoint stands in this log.']
  const rows = checkpoints.map(({ version, calls, cause, label = '', time, size }) => [
    String(version),
    count(calls),
    printable(cause),
    formatTime(time),
    formatSize(size),
    printable(label),
  ])
  const columns = [
    { title: 'CHECKPOINT', align: 'right' as const },
    { title: 'BEFORE CALL', align: 'right' as const },
    { title: 'CAUSE' },
    { title: 'TIME' },
    { title: 'SIZE', align: 'right' as const },
    { title: 'LABEL' },
  ]
  return [formatTable(columns, rows)]
}

export function totals({ functions }: LogStatistics): { logged: number; input: number; output: number } {
  const sum = (of: 'logged' | 'input' | 'output') => functions.reduce((all, one) => all + one[of], 0)
  return { logged: sum('logged'), input: sum('input'), output: sum('output') }
}

function statsJson({ log, owner }: FoundLog, { counted, bytes, tail, gaps, error }: SessionStatistics): object {
  const { calls, failed, open, median, p95, functions } = counted
  return {
    session: log.session,
    run: log.run,
    runs: log.runs,
    running: owner !== undefined,
    calls,
    failed,
    open,
    segments: log.segments.length,
    bytes,
    ...totals(counted),
    bytesPerCall: { median, p95 },
    functions,
    checkpoints: log.checkpoints.map(({ version, calls, cause, label, time, size }) => ({
      version,
      call: calls,
      cause,
      ...(label !== undefined && { label }),
      time,
      size,
    })),
    gaps: gaps.map(({ from, to }) => ({ from, to: to - 1 })),
    ...(error === undefined ? { tail: tailJson(tail) } : { error: { code: error.code, message: error.message } }),
  }
}
