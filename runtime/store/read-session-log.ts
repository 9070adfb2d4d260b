/**
 * Reads a run's log segment by segment, each as a log of its own, and goes on while it is being written if asked to.
 */
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { damaged, headerSize } from '../log/layout.ts'
import { LogReader } from '../log/reader.ts'
import type { LogRecord, LogTail } from '../log/record.ts'
import { type LogSegment, listSegments, type SessionLog } from './session-log.ts'
import type { Store } from './store.ts'

/** What is met while reading. */
export type LogStep =
  | { readonly kind: 'segment'; readonly segment: LogSegment }
  /** Calls [from, to) are not in the store: older segments were dropped. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }
  /** Records have come: all of them have to be taken before the next step. Each is valid until the next one. */
  | { readonly kind: 'records'; readonly next: () => LogRecord | undefined }
  /** Everything that there is now was read, and the log goes on. */
  | { readonly kind: 'waiting' }
  /** The segment ends here. */
  | { readonly kind: 'end'; readonly segment: LogSegment; readonly tail: LogTail; readonly isLast: boolean }
  /** The segment was deleted while it was read. */
  | { readonly kind: 'gone'; readonly segment: LogSegment }

export interface ReadLogOptions {
  /** Call that is wanted first: segments that end before it are left out. Default: the first one. */
  readonly from?: number
  /**
   * Called when everything was read; resolves after a moment to whether the log may still grow: false once the session
   * has ended. Absent: the log is read up to its present end.
   */
  readonly follow?: () => Promise<boolean>
}

/** Several pieces wait for the garbage collector at any time: they are small. */
const pieceSize = 1 << 16
/** New segments are looked for at every so many waits, since that lists all chunks too. */
const waitsPerListing = 4

/** Throws STASIS_LOG_FOREIGN, STASIS_LOG_VERSION, STASIS_LOG_DAMAGED, with the place, after all records before. */
export async function* readSessionLog(
  store: Store,
  log: SessionLog,
  { from = 0, follow }: ReadLogOptions = {},
): AsyncGenerator<LogStep> {
  const { session, run, segments } = log
  const start = segments[Math.max(0, indexOfCall(segments, from))]!
  let expected = Math.min(from, start.firstCall)
  let segment: LogSegment | undefined = start
  while (segment !== undefined) {
    const { blob, firstCall }: LogSegment = segment
    const successor = async (): Promise<LogSegment | undefined> => {
      const all = follow === undefined ? segments : await listSegments(store, session)
      return all.find((one) => one.run === run && one.firstCall > firstCall)
    }
    if (firstCall > expected) yield { kind: 'gap', from: expected, to: firstCall }
    yield { kind: 'segment', segment }
    const reading = new SegmentReading(segment, store.locate(blob))
    let isOver = follow === undefined
    let next = isOver ? await successor() : undefined
    reading.limit = next?.firstCall
    for (let waits = 0; !reading.isCut; ) {
      const piece = await store.get(blob, { start: reading.bytes, end: reading.bytes + pieceSize })
      if (piece !== undefined && piece.length > 0) {
        reading.feed(piece)
        yield { kind: 'records', next: () => reading.next() }
      } else if (piece === undefined && reading.bytes > 0) {
        yield { kind: 'gone', segment }
        return
      } else if (isOver) break
      else {
        // A segment ends before the next one begins: once there is one, or nobody writes, one more look finds the rest.
        if (waits++ % waitsPerListing === 0) next = await successor()
        reading.limit = next?.firstCall
        if (next === undefined) yield { kind: 'waiting' }
        isOver = next !== undefined || !(await follow!())
      }
    }
    next ??= await successor()
    reading.limit = next?.firstCall
    yield { kind: 'end', segment, tail: reading.finish(), isLast: next === undefined }
    expected = reading.nextCall
    segment = next
  }
}

/** Index of the segment that the call is in, or would be; -1 where it is before all. */
export function indexOfCall(segments: readonly LogSegment[], call: number): number {
  return segments.findLastIndex(({ firstCall }) => firstCall <= call)
}

/**
 * One segment. It ends where the next one begins, whatever stands in it behind that: a crash leaves torn blocks and calls
 * without results, and the session goes on in a new segment. Errors say which file they are about.
 */
class SegmentReading {
  bytes = 0
  /** Number of the first call of the next segment, once there is one. */
  limit: number | undefined
  /** Whether all was read that is before the next segment. */
  isCut = false
  readonly #segment: LogSegment
  readonly #location: string
  readonly #reader = new LogReader()

  constructor(segment: LogSegment, location: string) {
    this.#segment = segment
    this.#location = location
  }

  feed(piece: Uint8Array): void {
    const isNew = this.#reader.header === undefined
    this.bytes += piece.length
    this.#named(() => this.#reader.feed(piece))
    const { header } = this.#reader
    if (!isNew || header === undefined) return
    if (header.firstCall !== this.#segment.firstCall || !header.session.startsWith(this.#segment.run)) {
      this.#named(() => {
        throw damaged('its name tells of another session or call than its header', 0)
      })
    }
  }

  next(): LogRecord | undefined {
    if (this.isCut) return undefined
    try {
      const record = this.#named(() => this.#reader.next())
      if (record === undefined || this.limit === undefined || record.call < this.limit) return record
    } catch (error) {
      if (!this.#hasAll()) throw error
    }
    this.isCut = true
    return undefined
  }

  finish(): LogTail {
    // The header is written with the first block: before that, nothing has happened.
    if (this.bytes === 0 || this.#hasAll()) return { kind: 'complete' }
    if (this.bytes < headerSize) return { kind: 'torn', offset: 0, bytes: this.bytes, records: undefined }
    return this.#named(() => this.#reader.finish())
  }

  /** Number of the first call that is not in it. */
  get nextCall(): number {
    if (this.#hasAll()) return this.limit!
    return this.#reached
  }

  #hasAll(): boolean {
    return this.limit !== undefined && this.limit <= this.#reached
  }

  get #reached(): number {
    return this.#reader.header === undefined ? this.#segment.firstCall : this.#reader.resumePoint().calls
  }

  #named<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (!isStasisError(error)) throw error
      const fields = { ...error.fields, location: this.#location }
      throw new StasisError(error.code, `${this.#location}: ${error.message}`, fields, { cause: error })
    }
  }
}
