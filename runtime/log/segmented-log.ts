import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { type Payload, payloadPieces } from './chunks.ts'
import { damaged, headerSize } from './layout.ts'
import { type LogReader, type LogSource, openLog } from './reader.ts'
import type { LogFunction, LogRecord } from './record.ts'
import type { LogStorage } from './storage.ts'
import type { ResumePoint } from './writer.ts'

/** What could not be read at the end of a log, and is as if it had never been. */
export interface LogLoss {
  readonly segment: string
  /** Byte in the segment from which on it is of no use; the number of the call where a chunk is missing. */
  readonly offset?: number
  readonly call?: number
  readonly reason: string
}

/** Where a log goes on. */
export interface LogEnd {
  /** The last segment with records, and where a writer resumes in it; absent where there is none. */
  readonly last?: { readonly segment: string; readonly firstCall: number; readonly resume: ResumePoint }
  readonly loss?: LogLoss
}

/**
 * The segments that follow a checkpoint, read as one log. A segment ends where the next one begins, whatever stands in it
 * behind that: a crash leaves torn blocks and calls without results. The log ends at the first record that is damaged or
 * that needs a chunk which the store lacks; what was lost is told by `end`. Throws STASIS_LOG_SESSION for a segment of
 * another session.
 */
export class SegmentedLog implements LogSource {
  readonly #storage: LogStorage
  readonly #session: string
  readonly #segments: readonly { readonly name: string; readonly firstCall: number }[]
  #index = -1
  /** First call of the segment behind the current one. */
  #limit = Number.POSITIVE_INFINITY
  #current: (LogSource & { readonly reader: LogReader }) | undefined
  #last: LogEnd['last']
  #loss: LogLoss | undefined
  #isOver = false
  /** The call that the next segment has to begin with, or one before. */
  #reached: number

  /** `segments` by their first calls; the log begins with call `firstCall`. */
  constructor(
    storage: LogStorage,
    session: string,
    segments: readonly { readonly name: string; readonly firstCall: number }[],
    firstCall: number,
  ) {
    this.#storage = storage
    this.#session = session
    this.#segments = segments
    this.#reached = firstCall
  }

  get functions(): readonly LogFunction[] {
    return this.#current?.functions ?? []
  }

  /** Bits of `Quirk`, of the first segment. */
  get quirks(): number {
    return this.#current?.reader.header?.quirks ?? 0
  }

  /** Holds once `next` has returned undefined. */
  get end(): LogEnd {
    return { ...(this.#last && { last: this.#last }), ...(this.#loss && { loss: this.#loss }) }
  }

  /** Nothing more is wanted of it. */
  stop(reason: string): void {
    const left = this.#segments[Math.max(this.#index, 0)]
    if (!this.#isOver && left !== undefined) this.#loss = { segment: left.name, call: left.firstCall, reason }
    if (this.#current !== undefined) this.#note()
    this.#isOver = true
  }

  next(): LogRecord | undefined {
    for (;;) {
      if (this.#isOver) return undefined
      if (this.#current === undefined && !this.#open()) return this.#finish()
      const record = this.#read()
      const following = this.#segments[this.#index + 1]
      if (record === undefined) {
        this.#note()
        this.#current = undefined
      } else if (following !== undefined && record.call >= following.firstCall) {
        this.#note()
        this.#current = undefined
      } else if (this.#hasChunks(record)) return record
      else return this.#finish()
    }
  }

  plain(fn: LogFunction): boolean {
    if (this.#current === undefined || this.#isOver) return false
    try {
      return this.#current.reader.plain(fn, this.#limit)
    } catch (error) {
      this.#lose(error)
      this.#note()
      this.#current = undefined
      return false
    }
  }

  #finish(): undefined {
    this.#isOver = true
    return undefined
  }

  /** The next segment that has a header; false where there is none, or where calls are missing before it. */
  #open(): boolean {
    for (this.#index++; this.#index < this.#segments.length; this.#index++) {
      const { name, firstCall } = this.#segments[this.#index]!
      if (firstCall > this.#reached) {
        this.#loss ??= { segment: name, call: this.#reached, reason: missing(this.#reached, firstCall) }
        return false
      }
      const pieces = atLeast(headerSize, this.#storage.read(name))
      if (pieces === undefined) continue
      this.#current = openLog(pieces)
      this.#limit = this.#segments[this.#index + 1]?.firstCall ?? Number.POSITIVE_INFINITY
      this.#loss = undefined
      return true
    }
    return false
  }

  #read(): LogRecord | undefined {
    const current = this.#current!
    const { name: segment } = this.#segments[this.#index]!
    try {
      const record = current.next()
      this.#checkSession(current.reader, segment)
      if (record !== undefined) return record
      const { tail } = current.reader
      if (tail?.kind === 'torn') {
        this.#loss = { segment, offset: tail.offset, reason: `${tail.bytes} bytes were not written whole` }
      }
    } catch (error) {
      this.#lose(error)
    }
    return undefined
  }

  /** Where a segment is expected, one that does not begin as one is damaged. */
  #lose(error: unknown): void {
    if (!isStasisError(error) || !/^STASIS_LOG_(DAMAGED|FOREIGN)$/.test(error.code)) throw error
    const { name: segment } = this.#segments[this.#index]!
    this.#loss = { segment, offset: Number(error.fields.offset ?? 0), reason: error.message }
  }

  #checkSession({ header }: LogReader, segment: string): void {
    if (header === undefined) return
    if (header.firstCall !== this.#segments[this.#index]!.firstCall) {
      throw damaged(`it begins with call ${header.firstCall}, which is not what its name says`, 32)
    }
    if (header.session === this.#session) return
    const message = `The log segment ${segment} belongs to the session ${header.session}, not to ${this.#session}. Restore a checkpoint without the log after it.`
    throw new StasisError('STASIS_LOG_SESSION', message, { segment, session: header.session })
  }

  /** Remembers where this segment would be gone on with, and the call that it reaches. */
  #note(): void {
    const { reader } = this.#current!
    const { name: segment, firstCall } = this.#segments[this.#index]!
    if (reader.header === undefined) return
    const resume = reader.resumePoint()
    this.#last = { segment, firstCall, resume }
    this.#reached = resume.calls
  }

  /** Nearly all records have none. */
  #hasChunks(record: LogRecord): boolean {
    const { kind, note } = record
    const hasPayloads = kind === 'call' || kind === 'intent' || kind === 'result'
    if (!note.chunked && !(hasPayloads && (record.input.chunked || record.output.chunked))) return true
    return this.#findChunks(record)
  }

  #findChunks(record: LogRecord): boolean {
    const payloads: Payload[] = [record.note]
    if (record.kind === 'call' || record.kind === 'intent' || record.kind === 'result') {
      payloads.push(record.input, record.output)
    }
    try {
      for (const payload of payloads) {
        if (payload.chunked && payload.length > 0) {
          for (const _ of payloadPieces(payload, this.#storage.chunks, record.call));
        }
      }
      return true
    } catch (error) {
      if (!isStasisError(error)) throw error
      const { name: segment } = this.#segments[this.#index]!
      this.#loss = { segment, call: record.call, reason: error.message }
      return false
    }
  }
}

const missing = (from: number, to: number) =>
  to === from + 1
    ? `call ${from}, which comes before it, is missing`
    : `calls ${from} to ${to - 1}, which come before it, are missing`

/** The pieces, where there are at least so many bytes; who is killed while it begins leaves less. */
function atLeast(size: number, pieces: Iterable<Uint8Array>): Iterable<Uint8Array> | undefined {
  const iterator = pieces[Symbol.iterator]()
  const held: Uint8Array[] = []
  for (let bytes = 0; bytes < size; ) {
    const piece = iterator.next()
    if (piece.done) return undefined
    held.push(piece.value.slice())
    bytes += piece.value.length
  }
  return (function* () {
    yield* held
    for (let piece = iterator.next(); !piece.done; piece = iterator.next()) yield piece.value
  })()
}
