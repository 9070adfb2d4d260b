import { CallFilter } from '../../../runtime/log/call-filter.ts'
import { hasFailed } from '../../../runtime/log/call-values.ts'
import { formatCall } from '../../../runtime/log/format-call.ts'
import { Timeline } from '../../../runtime/log/timeline.ts'
import { sessionCalls } from '../../../runtime/store/session-calls.ts'
import type { SessionLog } from '../../../runtime/store/session-log.ts'
import { findStart, type StartRecord } from '../../../runtime/store/start-record.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { damageOf, readStatistics, type SessionStatistics } from '../log/session-statistics.ts'
import { CallNumbers } from './call-numbers.ts'

/** Pieces that the picture is cut into. */
const buckets = 240
/** Calls at each end of a list. */
const ends = 30

/** A call as the report shows it. */
export interface ShownCall {
  readonly call: number
  readonly text: string
  readonly failed: boolean
}

/** The ends of a list of calls; where all are in the first part, the last one is empty. */
export interface CallEnds {
  readonly count: number
  readonly first: readonly ShownCall[]
  readonly last: readonly ShownCall[]
}

export interface ReportContent {
  readonly log: SessionLog
  readonly statistics: SessionStatistics
  /** How the run began, if that is known. */
  readonly start: StartRecord | undefined
  readonly timeline: Timeline
  /** Calls [first, end) are on the picture. */
  readonly first: number
  readonly end: number
  readonly calls: CallEnds
  readonly failures: CallEnds
}

/** Reads the log once for what is counted, and then again only where the calls are that are shown. */
export async function collectReport(store: Store, log: SessionLog): Promise<ReportContent> {
  const first = log.segments[0]!.firstCall
  const timeline = new Timeline(first, buckets)
  const calls = new CallNumbers(ends)
  const failures = new CallNumbers(ends)
  const statistics = await readStatistics(store, log, {
    begin: () => timeline.begin(),
    add: (record, failed) => {
      timeline.add(record, failed)
      if (record.kind === 'call' || record.kind === 'intent') calls.add(record.call)
      if (failed) failures.add(record.call)
    },
  })
  const show = (numbers: readonly number[]) => readCalls(store, log, numbers)
  return {
    log,
    statistics,
    start: await findStart(store, log.session, log.run),
    timeline,
    first,
    end: Math.max(first, calls.highest + 1),
    calls: { count: statistics.counted.calls, first: await show(calls.first), last: await show(calls.last) },
    failures: { count: statistics.counted.failed, first: await show(failures.first), last: await show(failures.last) },
  }
}

async function readCalls(store: Store, log: SessionLog, numbers: readonly number[]): Promise<readonly ShownCall[]> {
  if (numbers.length === 0) return []
  const filter = new CallFilter({ from: Math.min(...numbers), to: Math.max(...numbers), calls: new Set(numbers) })
  const shown: ShownCall[] = []
  try {
    for await (const events of sessionCalls(store, log, { filter })) {
      for (const event of events) {
        if (event.kind !== 'call') continue
        const { call, view } = event.call
        shown.push({ call, text: formatCall(view), failed: hasFailed(view) })
      }
    }
  } catch (error) {
    // Told already by the first reading.
    damageOf(error)
  }
  return shown
}
