import type { ChunkStore } from '../../runtime/log/chunks.ts'
import type { LogSource } from '../../runtime/log/reader.ts'
import { openLog } from '../../runtime/log/reader.ts'
import type { LogRecord } from '../../runtime/log/record.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import type { Chunks } from './call-log.ts'

/** A log's bytes, or with its chunks: what `callLog` and `readFileLog` give. Pieces may be of any size. */
export type ReplayOption =
  | Uint8Array
  | Iterable<Uint8Array>
  | { readonly bytes: Uint8Array | Iterable<Uint8Array>; readonly chunks?: Chunks }

export interface ReplayLog {
  readonly source: LogSource
  readonly quirks: number
  readonly chunks: ChunkStore
  /** Calls whose answers were used, the last one's by now or soon. */
  calls(): number
  /** Whether all records were used. */
  atEnd(): boolean
}

/** Records that end a call; the others announce one, or take it back. */
const answering: ReadonlySet<LogRecord['kind']> = new Set(['call', 'result', 'exit', 'threw'] as const)

/**
 * Opens a log for `replay()`. Throws StasisError STASIS_OPTION where there is none, and STASIS_LOG_FOREIGN,
 * STASIS_LOG_VERSION or STASIS_LOG_DAMAGED where it is no log from its beginning on.
 */
export function openReplay(option: ReplayOption): ReplayLog {
  const { bytes, chunks } = partsOf(option)
  const log = openLog(bytes instanceof Uint8Array ? [bytes] : checked(bytes))
  let calls = 0
  // Looked at ahead, since the header comes with it. A record is valid until the next one is asked for.
  let ahead: LogRecord | undefined
  const look = (): LogRecord | undefined => {
    ahead ??= log.next()
    return ahead
  }
  const take = (): LogRecord | undefined => {
    const record = look()
    ahead = undefined
    if (record !== undefined && answering.has(record.kind)) calls++
    return record
  }
  look()
  return {
    source: {
      next: take,
      get functions() {
        return log.functions
      },
    },
    quirks: log.reader.header?.quirks ?? 0,
    chunks: { put: () => undefined, get: (address) => chunks?.get(address) },
    calls: () => calls,
    atEnd: () => look() === undefined,
  }
}

function partsOf(option: ReplayOption): { bytes: Uint8Array | Iterable<Uint8Array>; chunks: Chunks | undefined } {
  if (isBytes(option)) return { bytes: option, chunks: undefined }
  if (typeof option === 'object' && option !== null && 'bytes' in option && isBytes(option.bytes)) {
    return { bytes: option.bytes, chunks: option.chunks }
  }
  throw noLog()
}

function* checked(pieces: Iterable<unknown>): Generator<Uint8Array> {
  for (const piece of pieces) {
    if (!(piece instanceof Uint8Array)) throw noLog()
    yield piece
  }
}

function noLog(): StasisError {
  const message =
    'The option "replay" is a call log: its bytes, pieces of them, or { bytes, chunks } as callLog has them.'
  return new StasisError('STASIS_OPTION', message)
}

function isBytes(value: unknown): value is Uint8Array | Iterable<Uint8Array> {
  return value instanceof Uint8Array || (typeof value === 'object' && value !== null && Symbol.iterator in value)
}

/** The program made a call that the log does not have. */
export function replayEnded(call: number, intent: boolean): StasisError {
  const what = intent ? `its beginning only: the recorded run was cut off in it` : `${call} calls and no more`
  return new StasisError(
    'STASIS_REPLAY_ENDED',
    `The program makes call ${call}, and the log has ${what}. Replay a longer log, or run the program without "replay".`,
    { call, intent },
  )
}
