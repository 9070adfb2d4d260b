import { CallFilter } from '../../../runtime/log/call-filter.ts'
import { hasFailed } from '../../../runtime/log/call-values.ts'
import { callGroups, groupOf } from '../../../runtime/log/timeline.ts'
import { sessionCalls } from '../../../runtime/store/session-calls.ts'
import { findSessionLog } from '../../../runtime/store/session-log.ts'
import type { Store } from '../../../runtime/store/store.ts'
import type { CallGroups } from './messages.ts'

interface Piece {
  readonly calls: number[]
  failed: number
}

/** What the calls of a session were about, over their numbers. */
export async function readGroups(
  store: Store,
  session: string,
  { pieces: most }: { readonly pieces: number },
): Promise<CallGroups> {
  const log = await findSessionLog(store, session)
  const first = log?.segments[0]?.firstCall ?? 0
  const seen: { readonly call: number; readonly group: number; readonly failed: boolean }[] = []
  let end = first
  if (log !== undefined) {
    try {
      for await (const events of sessionCalls(store, log, { filter: new CallFilter({}) })) {
        for (const event of events) {
          if (event.kind !== 'call') continue
          const { call, view } = event.call
          const { module, name } = view.shape
          seen.push({ call, group: callGroups.indexOf(groupOf(module, name)), failed: hasFailed(view) })
          end = Math.max(end, call + 1)
        }
      }
    } catch {
      // What is wrong with the log is said where its calls are shown.
    }
  }
  const width = Math.max(1, Math.ceil((end - first) / most))
  const pieces = Array.from(
    { length: Math.ceil((end - first) / width) },
    (): Piece => ({ calls: callGroups.map(() => 0), failed: 0 }),
  )
  for (const { call, group, failed } of seen) {
    const piece = pieces[Math.floor((call - first) / width)]
    if (piece === undefined) continue
    piece.calls[group]!++
    if (failed) piece.failed++
  }
  return { first, end, width, pieces }
}
