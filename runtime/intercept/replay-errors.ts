import { StasisError } from '../../wasm-shim/errors.ts'
import { type CallView, viewRecord } from '../log/call-view.ts'
import type { ChunkStore } from '../log/chunks.ts'
import { divergence } from '../log/divergence.ts'
import { formatCall } from '../log/format-call.ts'
import type { LogRecord } from '../log/record.ts'
import type { CallSite } from './call-site.ts'

/** Throws that a call is another than the record that should answer it. */
export function diverged(site: CallSite, record: LogRecord, chunks: ChunkStore | undefined): never {
  const { shape, slots, row, access, memory } = site
  const input = access?.inputs.gather(memory, 4096) ?? new Uint8Array(0)
  const actual: CallView = {
    shape,
    plan: slots.plan,
    row,
    words: slots.words,
    input,
    inputLength: access?.inputs.total ?? 0,
    output: new Uint8Array(0),
    outputLength: 0,
    ending: { kind: 'pending' },
  }
  const expected = { ...viewRecord(record, chunks), ending: { kind: 'pending' } as const }
  throw divergence({ call: record.call, expected: formatCall(expected), actual: formatCall(actual) })
}

export function calledBack(call: number): StasisError {
  const message = `In call ${call} the host had called the program back, which a replay without it cannot do.`
  return new StasisError('STASIS_REPLAY_CALLBACK', `${message} Restore a checkpoint instead.`, { call })
}

/** Only where the program changed what lives in the session: its memory mounts. */
export function notFollowed(call: number, name: string, outcome: unknown): StasisError {
  const message = `Call ${call} (${name}) had succeeded, and its effect cannot be repeated (errno ${String(outcome)}).`
  return new StasisError('STASIS_REPLAY_DIVERGED', `${message} Restore a checkpoint without the log after it.`, {
    call,
  })
}

export function unwritable(call: number): StasisError {
  const message = `What the host had written in call ${call} does not fit where the program wants it. The log is not of this run.`
  return new StasisError('STASIS_REPLAY_DIVERGED', message, { call })
}
