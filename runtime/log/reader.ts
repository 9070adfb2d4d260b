import { invariant } from '../../wasm-shim/errors.ts'
import { RecordDecoder } from './decode.ts'
import { FrameReader } from './frame.ts'
import { decodeHeader, type LogHeader } from './header.ts'
import { headerSize } from './layout.ts'
import type { LogFunction, LogRecord, LogTail } from './record.ts'
import type { ResumePoint } from './writer.ts'

/**
 * Reads a log that comes in pieces: `feed` a piece, take records with `next` until there are none, feed the next, `finish`.
 * Never holds more than one block (2 MiB). A block that was not written whole is cut off and told by `tail`; anything
 * else that is wrong is thrown, after all records before it: STASIS_LOG_FOREIGN, STASIS_LOG_VERSION, STASIS_LOG_DAMAGED
 * with the offset.
 */
export class LogReader {
  #header: LogHeader | undefined
  #headerBytes = new Uint8Array(headerSize)
  #headerLength = 0
  readonly #frames = new FrameReader(headerSize)
  #decoder: RecordDecoder | undefined
  #tail: LogTail | undefined
  #resume: ResumePoint | undefined

  feed(bytes: Uint8Array): void {
    let at = 0
    if (this.#header === undefined) {
      at = Math.min(bytes.length, headerSize - this.#headerLength)
      this.#headerBytes.set(bytes.subarray(0, at), this.#headerLength)
      this.#headerLength += at
      if (this.#headerLength < headerSize) return
      this.#header = decodeHeader(this.#headerBytes)
      this.#decoder = new RecordDecoder(this.#header.firstCall)
    }
    this.#frames.feed(at === 0 ? bytes : bytes.subarray(at))
  }

  /** The next record, valid until the next call; undefined when more bytes are needed. */
  next(): LogRecord | undefined {
    const decoder = this.#decoder
    // At the end it stands in the torn block, whose records were only counted.
    if (decoder === undefined || this.#tail !== undefined) return undefined
    for (;;) {
      const record = decoder.next()
      if (record !== undefined) return record
      const frame = this.#frames.next()
      if (frame === undefined) return undefined
      decoder.load(frame)
    }
  }

  /**
   * Reads the next record where it is a finished call of `fn`, one of `functions` without input and output, with a number
   * below `limit`; its words are then those of `fn`. False where `next` has to look.
   */
  plain(fn: LogFunction, limit: number): boolean {
    const decoder = this.#decoder
    return decoder !== undefined && this.#tail === undefined && decoder.plain(fn, limit)
  }

  /** No more bytes will come. Returns how the log ended. */
  finish(): LogTail {
    if (this.#header === undefined) decodeHeader(this.#headerBytes.subarray(0, this.#headerLength))
    if (this.#tail !== undefined) return this.#tail
    const { left: bytes, offset, partial } = this.#frames
    this.#resume = this.resumePoint()
    // Counting spoils the decoder, which is not needed any more.
    const records = partial && this.#decoder?.countPartial(partial.type, partial.bytes, partial.start)
    this.#tail = bytes === 0 ? { kind: 'complete' } : { kind: 'torn', offset, bytes, records }
    return this.#tail
  }

  /** undefined until the first 48 bytes were given. */
  get header(): LogHeader | undefined {
    return this.#header
  }

  /** How the log ended; undefined until `finish`. */
  get tail(): LogTail | undefined {
    return this.#tail
  }

  /** The functions met so far, by number. */
  get functions(): readonly LogFunction[] {
    return this.#decoder?.functions ?? []
  }

  /** Where a writer goes on: after the last whole block, with the first call that has no result. */
  resumePoint(): ResumePoint {
    if (this.#resume !== undefined) return this.#resume
    invariant(this.#decoder !== undefined, 'a log is continued before its header was read')
    const { functions, open, calls } = this.#decoder
    return { functions: functions.map(({ shape }) => shape), calls: open[0]?.call ?? calls, bytes: this.#frames.offset }
  }
}

/** Where records come from, one at a time, each valid until the next. */
export interface LogSource {
  next(): LogRecord | undefined
  readonly functions: readonly LogFunction[]
  /** See `LogReader`. A source that has none is asked for every record. */
  plain?(fn: LogFunction): boolean
}

/** A log as a source of records, from pieces of any size. `tail` holds once `next` has returned undefined. */
export function openLog(pieces: Iterable<Uint8Array>): LogSource & { readonly reader: LogReader } {
  const reader = new LogReader()
  const iterator = pieces[Symbol.iterator]()
  let ended = false
  const next = (): LogRecord | undefined => {
    // Telling the tail looks into a block that was cut: the reader has no more records, and is not asked for any.
    while (!ended) {
      const record = reader.next()
      if (record !== undefined) return record
      const piece = iterator.next()
      if (piece.done) {
        ended = true
        reader.finish()
      } else reader.feed(piece.value)
    }
    return undefined
  }
  return {
    next,
    plain: (fn) => reader.plain(fn, Number.POSITIVE_INFINITY),
    reader,
    get functions() {
      return reader.functions
    },
  }
}

/** The records of a log, each valid until the next. Returns how it ended. */
export function* readLog(pieces: Iterable<Uint8Array>): Generator<LogRecord, LogTail> {
  const reader = new LogReader()
  for (const piece of pieces) {
    reader.feed(piece)
    for (let record = reader.next(); record !== undefined; record = reader.next()) yield record
  }
  return reader.finish()
}

/** The same, from pieces that come in time: a file's stream, a download. */
export async function* readLogAsync(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<LogRecord, LogTail> {
  const reader = new LogReader()
  for await (const piece of pieces) {
    reader.feed(piece)
    for (let record = reader.next(); record !== undefined; record = reader.next()) yield record
  }
  return reader.finish()
}
