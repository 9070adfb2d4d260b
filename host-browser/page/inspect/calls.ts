import { printable } from '../../../runtime/inspect/format.ts'
import { CallFilter } from '../../../runtime/log/call-filter.ts'
import { hasFailed } from '../../../runtime/log/call-values.ts'
import { formatCall } from '../../../runtime/log/format-call.ts'
import { type LogEvent, sessionCalls } from '../../../runtime/store/session-calls.ts'
import { findSessionLog } from '../../../runtime/store/session-log.ts'
import type { Store } from '../../../runtime/store/store.ts'
import type { Answers, CallLine, CallsQuestion } from './messages.ts'

/** The last calls that are meant, and how many there are. */
export async function readCalls(store: Store, session: string, question: CallsQuestion): Promise<Answers['calls']> {
  const { names, fds, paths, failed, most } = question
  const log = await findSessionLog(store, session)
  if (log === undefined) return { lines: [], count: 0, note: 'No call is in the log yet.' }
  const filter = new CallFilter({ names, fds, paths, failed })
  const lines: CallLine[] = []
  let count = 0
  try {
    for await (const events of sessionCalls(store, log, { filter })) {
      for (const event of events) {
        if (event.kind === 'call') count++
        const line = lineOf(event)
        if (line !== undefined) lines.push(line)
      }
      if (lines.length > 4 * most) lines.splice(0, lines.length - most)
    }
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error)
    return { lines: lines.slice(-most), count, note }
  }
  return { lines: lines.slice(-most), count }
}

function lineOf(event: LogEvent): CallLine | undefined {
  switch (event.kind) {
    case 'call': {
      const { call, view } = event.call
      return { call, text: printable(formatCall(view)), kind: hasFailed(view) ? 'failed' : 'call' }
    }
    case 'checkpoint': {
      const { version, cause, calls } = event.checkpoint
      return { call: calls, text: printable(`checkpoint ${version} (${cause})`), kind: 'checkpoint' }
    }
    case 'gap':
      return {
        call: event.from,
        text: `calls ${event.from} to ${event.to - 1} are not in the log any more`,
        kind: 'gap',
      }
    default:
      return undefined
  }
}
