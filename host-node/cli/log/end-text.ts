import type { LogTail } from '../../../runtime/log/record.ts'
import type { LogEnd } from '../../../runtime/store/session-calls.ts'
import type { SessionLog } from '../../../runtime/store/session-log.ts'
import type { LockOwner, Store } from '../../../runtime/store/store.ts'
import { plural } from '../format.ts'
import { tornText } from './lines.ts'

/** What a person should know of the log's end; `owner` runs the session. */
export function endText(
  { reason, segment, tail, shown, missing }: LogEnd,
  log: SessionLog,
  store: Store,
  owner: LockOwner | undefined,
): readonly string[] {
  const location = store.locate(segment.blob)
  const lines: string[] = []
  if (shown === 0) lines.push('No call is to be shown.')
  if (reason === 'gone') lines.push('The log was removed while it was read; the last calls may not be here.')
  if (tail !== undefined) lines.push(tailText(tail, location, owner))
  if (missing > 0) {
    const payloads = plural(missing, 'large payload is', 'large payloads are')
    lines.push(`${payloads} shown without bytes: the store does not have them any more.`)
  }
  return [...lines, ...otherRuns(log)]
}

export function tailText(tail: LogTail, location: string, owner: LockOwner | undefined): string {
  const so = owner === undefined ? '' : ` The session is running in process ${owner.pid}: it goes on.`
  if (tail.kind === 'complete') return owner === undefined ? 'The log is whole.' : `The log is whole so far.${so}`
  // What is being written at this moment looks like what was cut.
  return `At the end of ${location} ${tornText(tail)}.${so}`
}

export function otherRuns({ run, runs }: SessionLog): readonly string[] {
  const others = runs.filter((one) => one !== run)
  if (others.length === 0) return []
  return [`This is run ${run}. "--run" shows another one: ${others.join(', ')}.`]
}
