/**
 * A run's log as people look at it: calls, each in one piece, with checkpoints and gaps between them.
 */
import { isStasisError } from '../../wasm-shim/errors.ts'
import type { CallFilter } from '../log/call-filter.ts'
import { type CallView, viewRecord } from '../log/call-view.ts'
import type { Payload } from '../log/chunks.ts'
import { FdPaths } from '../log/fd-paths.ts'
import { CallJoiner, type LoggedCall } from '../log/join-calls.ts'
import type { LogRecord, LogTail } from '../log/record.ts'
import { CheckpointMarks } from './checkpoint-marks.ts'
import { pathsAt, seedPaths } from './known-paths.ts'
import { readSessionLog } from './read-session-log.ts'
import { type LogCheckpoint, type LogSegment, listLogCheckpoints, type SessionLog } from './session-log.ts'
import type { Store } from './store.ts'
import { StoreChunks } from './store-chunks.ts'

export type LogEvent =
  | { readonly kind: 'call'; readonly call: LoggedCall }
  | { readonly kind: 'checkpoint'; readonly checkpoint: LogCheckpoint }
  /** Calls [from, to) are not in the log. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }
  /** A segment ends that was not written whole, and another one follows. */
  | { readonly kind: 'torn'; readonly segment: LogSegment; readonly tail: LogTail }
  /** The last event. */
  | { readonly kind: 'end'; readonly end: LogEnd }

/** How reading ended. */
export interface LogEnd {
  /** 'read': to the log's end. 'passed': beyond the last call asked for. 'gone': the log was deleted meanwhile. */
  readonly reason: 'read' | 'passed' | 'gone'
  readonly segment: LogSegment
  /** Of the last segment; known where it was read to its end. */
  readonly tail?: LogTail
  /** Calls that were told. */
  readonly shown: number
  /** Payloads whose bytes the store does not have. */
  readonly missing: number
}

export interface SessionCallsOptions {
  readonly filter: CallFilter
  /** See `ReadLogOptions.follow`. */
  readonly follow?: () => Promise<boolean>
}

/** Events that are given together: more of them would outlive the young generation of the heap. */
const batch = 256
/** New checkpoints are looked for at every so many waits: their heads have to be read. */
const waitsPerLook = 8

/** Events in order, some at a time; all before an error are delivered. Throws what `readSessionLog` throws. */
export async function* sessionCalls(
  store: Store,
  log: SessionLog,
  { filter, follow }: SessionCallsOptions,
): AsyncGenerator<readonly LogEvent[]> {
  const seed = filter.needsPaths ? await seedPaths(store, log, filter.from) : undefined
  const view = new SessionView(store, log, filter, seed?.paths)
  const from = seed?.from ?? filter.from
  let waits = 0
  let isFirst = true
  let hasGap = false
  for await (const step of readSessionLog(store, log, { from, ...(follow && { follow }) })) {
    switch (step.kind) {
      case 'gap':
        hasGap = true
        view.events.push(step)
        break
      case 'segment':
        if (follow !== undefined && !isFirst) await view.refresh()
        await view.begin(step.segment, hasGap && !isFirst)
        isFirst = false
        hasGap = false
        break
      case 'records': {
        try {
          while (await view.take(step.next)) yield view.takeEvents()
        } catch (error) {
          if (view.events.length > 0) yield view.events
          throw error
        }
        break
      }
      case 'waiting':
        if (waits++ % waitsPerLook === waitsPerLook - 1) await view.refresh()
        break
      case 'end':
        if (follow !== undefined && step.isLast) await view.refresh()
        view.end(step.segment, step.tail, step.isLast)
        break
      case 'gone':
        view.stop('gone')
        break
    }
    if (view.isPast) view.stop('passed')
    if (view.events.length > 0) yield view.takeEvents()
    if (view.isOver) return
  }
}

/** What is decided by the function alone. */
interface Interest {
  readonly hasName: boolean
  readonly decidesPaths: boolean
}

class SessionView {
  events: LogEvent[] = []
  isOver = false
  /** Whether all calls that are asked for were told. */
  isPast = false
  readonly #store: Store
  readonly #log: SessionLog
  readonly #filter: CallFilter
  readonly #chunks: StoreChunks
  readonly #marks: CheckpointMarks
  #paths: FdPaths
  #joiner: CallJoiner
  #interests: Interest[] = []
  #segment: LogSegment
  #shown = 0
  /** Number of the call that comes next. */
  #reached = 0
  #missing = 0

  constructor(store: Store, log: SessionLog, filter: CallFilter, paths = new FdPaths()) {
    this.#store = store
    this.#log = log
    this.#filter = filter
    this.#chunks = new StoreChunks(store, log.session)
    this.#marks = new CheckpointMarks(log.checkpoints, filter.from)
    this.#paths = paths
    this.#joiner = new CallJoiner((record) => this.#view(record))
    this.#segment = log.segments[0]!
  }

  takeEvents(): readonly LogEvent[] {
    const { events } = this
    this.events = []
    return events
  }

  /** `isUnknown`: calls before it are missing. */
  async begin(segment: LogSegment, isUnknown: boolean): Promise<void> {
    this.#segment = segment
    this.#interests = []
    if (!isUnknown || !this.#filter.needsPaths) return
    this.#paths = (await pathsAt(this.#store, this.#log, segment.firstCall)) ?? new FdPaths()
  }

  /** Looks for checkpoints that have been taken meanwhile. */
  async refresh(): Promise<void> {
    const taken = await listLogCheckpoints(this.#store, this.#log.session)
    this.#marks.add(taken.filter(({ run }) => run === this.#log.run))
    this.#tellMarks(this.#reached)
  }

  /** Takes records until there are none, or many events. Returns whether there are more. */
  async take(next: () => LogRecord | undefined): Promise<boolean> {
    const { events } = this
    while (events.length < batch) {
      const record = next()
      if (record === undefined) return false
      const { call } = record
      for (const lost of this.#joiner.lostAt(record)) this.#tell(lost)
      if (record.kind === 'call' || record.kind === 'intent') {
        this.#reached = call + 1
        this.#tellMarks(call)
        this.isPast = call > this.#filter.to && !this.#joiner.isBusy
        if (this.isPast) return false
      }
      const interest = this.#interestIn(record)
      const isWanted = (interest.hasName && this.#filter.hasNumber(call)) || interest.decidesPaths
      if (isWanted && StoreChunks.needs(record)) await this.#chunks.load(record)
      const ended = this.#joiner.add(record, isWanted)
      if (ended === undefined) continue
      if (interest.hasName) this.#tell(ended)
      if (interest.decidesPaths) this.#paths.add(ended.view)
    }
    return true
  }

  end(segment: LogSegment, tail: LogTail, isLast: boolean): void {
    if (!isLast && tail.kind === 'torn') this.events.push({ kind: 'torn', segment, tail })
    for (const lost of this.#joiner.finish()) this.#tell(lost)
    if (isLast) this.stop('read', tail)
  }

  stop(reason: LogEnd['reason'], tail?: LogTail): void {
    if (reason !== 'passed') this.#tellMarks(Number.POSITIVE_INFINITY)
    const [segment, shown, missing] = [this.#segment, this.#shown, this.#missing]
    this.events.push({ kind: 'end', end: { reason, segment, ...(tail && { tail }), shown, missing } })
    this.isOver = true
  }

  /** Checkpoints before this call, where none between calls are left out. */
  #tellMarks(call: number): void {
    if (this.#filter.isSelective) return
    for (const checkpoint of this.#marks.upTo(Math.min(call, this.#filter.to + 1))) {
      this.events.push({ kind: 'checkpoint', checkpoint })
    }
  }

  #tell(call: LoggedCall): void {
    if (!this.#filter.hasNumber(call.call) || !this.#filter.hasName(call.view.shape.name)) return
    if (!this.#filter.matches(call.view, this.#paths)) return
    if (this.#filter.isSelective) {
      // Of calls far from each other only the checkpoint is told that a restore would begin at.
      const checkpoint = this.#marks.upTo(call.call).at(-1)
      if (checkpoint !== undefined) this.events.push({ kind: 'checkpoint', checkpoint })
    }
    this.events.push({ kind: 'call', call })
    this.#shown++
  }

  #interestIn({ fn }: LogRecord): Interest {
    const known = this.#interests[fn.number]
    if (known !== undefined) return known
    const { name } = fn.shape
    const decidesPaths = this.#filter.needsPaths && FdPaths.needs(name)
    const interest = { hasName: this.#filter.hasName(name), decidesPaths }
    this.#interests[fn.number] = interest
    return interest
  }

  #view(record: LogRecord): CallView {
    try {
      return viewRecord(record, this.#chunks)
    } catch (error) {
      if (!isStasisError(error) || !error.code.startsWith('STASIS_LOG_CHUNK_')) throw error
      this.#missing++
      return viewRecord(withoutBytes(record))
    }
  }
}

const nothing = new Uint8Array(0)
const unknown = ({ length }: Payload): Payload => ({ length, bytes: nothing, chunked: false })

function withoutBytes(record: LogRecord): LogRecord {
  return record.kind === 'call' || record.kind === 'intent' || record.kind === 'result'
    ? { ...record, input: unknown(record.input), output: unknown(record.output) }
    : record
}
