import type { CallFilter } from '../../../runtime/log/call-filter.ts'
import { type LogEnd, sessionCalls } from '../../../runtime/store/session-calls.ts'
import type { Store } from '../../../runtime/store/store.ts'
import type { Terminal } from '../terminal.ts'
import { endText } from './end-text.ts'
import { followSession } from './follow.ts'
import { jsonLine, textLine } from './lines.ts'
import type { FoundLog } from './open-log.ts'
import { LineOutput } from './output.ts'

export interface PrintOptions {
  readonly filter: CallFilter
  readonly follow: boolean
  readonly json: boolean
}

/** Prints a log; resolves to the exit code, 130 after Ctrl-C. */
export async function printCalls(
  store: Store,
  { log, owner }: FoundLog,
  { filter, follow, json }: PrintOptions,
  terminal: Terminal,
): Promise<number> {
  const interrupt = new AbortController()
  const onInterrupt = () => interrupt.abort()
  if (follow) process.once('SIGINT', onInterrupt)
  const output = new LineOutput(terminal)
  let end: LogEnd | undefined
  try {
    const more = followSession(store, log.session, owner, interrupt.signal)
    for await (const events of sessionCalls(store, log, { filter, ...(follow && { follow: more }) })) {
      for (const event of events) {
        if (event.kind === 'end') end = event.end
        if (json) output.line(jsonLine(event))
        else if (event.kind !== 'end') output.line(textLine(event, terminal))
        await output.flushIfFull()
      }
      if (follow) await output.flush()
      if (interrupt.signal.aborted) break
    }
  } finally {
    process.off('SIGINT', onInterrupt)
    // Where the log is damaged, what comes before is delivered, and then the error.
    await output.flush()
  }
  const stillRuns = follow ? (await store.owners()).get(log.session) : owner
  if (!json && end !== undefined) for (const line of endText(end, log, store, stillRuns)) terminal.err(line)
  return interrupt.signal.aborted ? 130 : 0
}
