import { callToJson } from '../../../runtime/log/call-json.ts'
import { hasFailed } from '../../../runtime/log/call-values.ts'
import { formatCall } from '../../../runtime/log/format-call.ts'
import type { LoggedCall } from '../../../runtime/log/join-calls.ts'
import type { LogTail } from '../../../runtime/log/record.ts'
import type { LogEvent } from '../../../runtime/store/session-calls.ts'
import type { LogCheckpoint } from '../../../runtime/store/session-log.ts'
import { plural, printable } from '../format.ts'
import type { Terminal } from '../terminal.ts'

/** Columns for the numbers of calls; longer ones push their line to the right. */
const numberWidth = 7

export type LineOf = (event: LogEvent) => string

/** An event as a line for people. */
export function textLine(event: LogEvent, terminal: Terminal): string {
  const mark = (words: string) => terminal.style('cyan', `--- ${words} ---`)
  switch (event.kind) {
    case 'call':
      return callLine(event.call, terminal)
    case 'checkpoint':
      return mark(checkpointText(event.checkpoint))
    case 'gap':
      return mark(`calls ${event.from} to ${event.to - 1} are not in this log`)
    case 'torn':
      return mark(tornText(event.tail))
    case 'end':
      return ''
  }
}

function callLine({ call, thread, view }: LoggedCall, terminal: Terminal): string {
  const text = printable(formatCall(view))
  const outcome = hasFailed(view) ? Math.max(text.lastIndexOf(' = '), text.lastIndexOf(' throws ')) : text.length
  const shown = text.slice(0, outcome) + (outcome < text.length ? terminal.style('red', text.slice(outcome)) : '')
  const number = terminal.style('dim', String(call).padStart(numberWidth))
  return `${number} ${thread === 0 ? '' : `[thread ${thread}] `}${shown}`
}

function checkpointText({ version, cause, label }: LogCheckpoint): string {
  return printable(`checkpoint ${version} (${cause})${label === undefined ? '' : ` "${label}"`}`)
}

/** A clause without full stop. */
export function tornText(tail: LogTail): string {
  if (tail.kind === 'complete') return 'the log is whole'
  const records = tail.records ? `, with at least ${plural(tail.records, 'record')},` : ''
  return `${plural(tail.bytes, 'byte')} from byte ${tail.offset} on${records} were not written whole and are left out`
}

/** An event as an object on a line (docs/log-views.md). */
export function jsonLine(event: LogEvent): string {
  return JSON.stringify(eventJson(event))
}

function eventJson(event: LogEvent): object {
  switch (event.kind) {
    case 'call':
      return callToJson(event.call)
    case 'checkpoint': {
      const { version, calls, cause, label, time, size } = event.checkpoint
      return { type: 'checkpoint', version, call: calls, cause, ...(label !== undefined && { label }), time, size }
    }
    case 'gap':
      return { type: 'gap', from: event.from, to: event.to - 1 }
    case 'torn':
      return { type: 'torn', segment: event.segment.blob, ...tailJson(event.tail) }
    case 'end': {
      const { reason, segment, tail, shown, missing } = event.end
      const { blob, run } = segment
      return { type: 'end', reason, run, segment: blob, shown, missing, ...(tail && { tail: tailJson(tail) }) }
    }
  }
}

export function tailJson(tail: LogTail): object {
  if (tail.kind === 'complete') return { complete: true }
  const { offset, bytes, records } = tail
  return { complete: false, offset, bytes, ...(records !== undefined && { records }) }
}
