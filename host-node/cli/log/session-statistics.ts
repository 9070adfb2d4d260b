import type { LogRecord, LogTail } from '../../../runtime/log/record.ts'
import { LogCounter, type LogStatistics } from '../../../runtime/log/summary.ts'
import { readSessionLog } from '../../../runtime/store/read-session-log.ts'
import type { LogSegment, SessionLog } from '../../../runtime/store/session-log.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { isStasisError, type StasisError } from '../../../wasm-shim/errors.ts'

/** What all segments of a run come to. */
export interface SessionStatistics {
  readonly counted: LogStatistics
  /** Of all segments as they were listed. */
  readonly bytes: number
  /** Of the last segment, and which one that is. */
  readonly tail: LogTail
  readonly last: LogSegment
  /** What is wrong with the log, where it is damaged: everything before was counted. */
  readonly error?: StasisError
  /** Calls [from, to) that are not in the log. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[]
}

/** Who wants to see every record, with whether a call ended with it that has failed; and where a segment begins. */
export interface RecordWatcher {
  begin(): void
  add(record: LogRecord, failed: boolean): void
}

/** Reads the whole log once. */
export async function readStatistics(
  store: Store,
  log: SessionLog,
  watcher?: RecordWatcher,
): Promise<SessionStatistics> {
  const counter = new LogCounter()
  const gaps: { from: number; to: number }[] = []
  let tail: LogTail = { kind: 'complete' }
  let last = log.segments[0]!
  let error: StasisError | undefined
  try {
    for await (const step of readSessionLog(store, log)) {
      if (step.kind === 'gap') gaps.push({ from: step.from, to: step.to })
      else if (step.kind === 'segment') {
        last = step.segment
        counter.begin()
        watcher?.begin()
      } else if (step.kind === 'records') {
        for (let record = step.next(); record !== undefined; record = step.next()) {
          const failed = counter.add(record)
          watcher?.add(record, failed)
        }
      } else if (step.kind === 'end') tail = step.tail
    }
  } catch (thrown) {
    error = damageOf(thrown)
  }
  const bytes = log.segments.reduce((sum, { size }) => sum + size, 0)
  return { counted: counter.result(), bytes, tail, last, gaps, ...(error && { error }) }
}

/** What is wrong with a log; anything else is thrown on. */
export function damageOf(error: unknown): StasisError {
  if (isStasisError(error) && error.code.startsWith('STASIS_LOG_')) return error
  throw error
}
