import { StasisError } from '../../wasm-shim/errors.ts'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { type ChunkStore, type Payload, payloadBytes, payloadPieces } from '../log/chunks.ts'
import { Quirk } from '../log/layout.ts'
import type { LogSource } from '../log/reader.ts'
import type { LogFunction, LogRecord } from '../log/record.ts'
import { type CallSite, callSite, guestMemory, type MemoryOptions } from './call-site.ts'
import { around, type CallHooks } from './call-slots.ts'
import type { Interceptor, WasmValue } from './interceptor.ts'
import { calledBack, diverged, notFollowed, unwritable } from './replay-errors.ts'
import { PlainReplayer } from './replay-plain.ts'

export interface ReplayOptions extends MemoryOptions {
  /** Of the log that is replayed. */
  readonly chunks?: ChunkStore
  /** Bits of `Quirk`, from the log's header. */
  readonly quirks?: number
  /** Called once, when a call is made that the log has no result for: from then on calls go to the host. */
  readonly onEnd?: (end: ReplayEnd) => void
  /** The kernel behind this interceptor, where its state is to follow: calls that change it are passed on. */
  readonly kernel?: FollowingKernel
  /** Number of the log's first call. Default 0. */
  readonly firstCall?: number
  /** Called after every call that was answered from the log. */
  readonly onCall?: (call: number) => void
}

export interface ReplayEnd {
  /** Number of the call that is made now. */
  readonly call: number
  /** The log has announced that call, so its effect may have taken place. */
  readonly intent: boolean
  readonly module: string
  readonly name: string
  /** Its arguments, two words each, low word first; valid until the next call. */
  readonly words: Int32Array
  /** What the log has noted of that call before; empty where that is nothing. */
  readonly note: Uint8Array
}

/** Implemented by `Kernel` with `replay: true`. */
export interface FollowingKernel {
  isRetraced(module: string, name: string): boolean
  /** Before such a call is passed on: its results as words from index `at` on, and its note. */
  recorded(results: Int32Array, at: number, note: Uint8Array): void
  /** Changes the state by such a call instead, from its arguments and results as words; where the kernel has one. */
  follower?(module: string, name: string): ((words: Int32Array, results: Int32Array, at: number) => void) | undefined
}

/**
 * Answers calls from a log instead of making them, until its end. Each is compared with its record, parameters and
 * texts included; the first difference is STASIS_REPLAY_DIVERGED with call number, expected and actual. Other errors:
 * STASIS_REPLAY_THREW for a call that had thrown, STASIS_REPLAY_CALLBACK where the host had called the guest back,
 * STASIS_LOG_DAMAGED, STASIS_LOG_CHUNK_MISSING.
 *
 *     const source = openLog(pieces)
 *     const link = (site) => compose([replay(source, { memory: () => engine.memory(), chunks })], kernel.link(...), site)
 */
export function replay(source: LogSource, options: ReplayOptions): Interceptor {
  const memory = guestMemory(options.memory)
  const state = replayState(source, options)
  const quirks = options.quirks ?? 0
  return (next, site) => {
    const call = callSite(site, memory, options.rows, (quirks & Quirk.writtenBytes) !== 0)
    return around(call.slots, site.params.length, next, new Replayer(state, call))
  }
}

/** What the replayers of all functions share. */
export interface ReplayState {
  readonly source: LogSource
  readonly options: ReplayOptions
  /** From here on calls are the host's. */
  atEnd: boolean
  /** Number of the next call, of those that were compared. */
  calls: number
}

export function replayState(source: LogSource, options: ReplayOptions): ReplayState {
  return { source, options, atEnd: false, calls: options.firstCall ?? 0 }
}

const noNote = new Uint8Array(0)

/** Replays the calls of one function. */
export class Replayer implements CallHooks {
  readonly #state: ReplayState
  readonly #call: CallSite
  readonly #kernel: FollowingKernel | undefined
  /** This function in the log, once a record was met. */
  #fn: LogFunction | undefined
  readonly #plain: PlainReplayer | undefined
  #note: Uint8Array = noNote
  #live = false
  /** The record of the call that was passed on to the kernel. */
  #passed: (LogRecord & { kind: 'call' | 'result' }) | undefined

  constructor(state: ReplayState, call: CallSite) {
    this.#state = state
    this.#call = call
    const { kernel } = state.options
    this.#kernel = kernel?.isRetraced(call.shape.module, call.shape.name) ? kernel : undefined
    this.#plain = PlainReplayer.of(state, call)
  }

  enter(): boolean {
    const state = this.#state
    this.#live = true
    if (state.atEnd) return true
    if (this.#plain !== undefined && this.#fn !== undefined && this.#plain.answer(this.#fn)) {
      this.#live = false
      return false
    }
    const record = this.#recorded()
    if (record === undefined) return true
    this.#live = false
    const { slots } = this.#call
    const finished = this.#finished(record)
    const { plan, words: recorded } = record.fn
    for (let k = plan.params; k < plan.all; k++) slots.words[plan.map[k]!] = recorded[k]!
    if (this.#kernel !== undefined && slots.errno === 0) {
      this.#kernel.recorded(slots.words, plan.resultSlot, this.#note)
      this.#passed = finished
      return true
    }
    this.#put(finished)
    state.options.onCall?.(record.call)
    return false
  }

  /** A call that has come back; throws how any other one ended. */
  #finished(record: LogRecord): LogRecord & { kind: 'call' | 'result' } {
    if (record.kind === 'exit') throw new ExitSignal(record.code)
    if (record.kind !== 'threw') return record as LogRecord & { kind: 'call' | 'result' }
    const message = `Call ${record.call} had ended by an exception of the host: ${record.message}`
    throw new StasisError('STASIS_REPLAY_THREW', message, { call: record.call })
  }

  /** The record that answers this call; undefined at the log's end. */
  #recorded(): LogRecord | undefined {
    const state = this.#state
    let record = state.source.next()
    for (;;) {
      if (record === undefined) return this.#end(false)
      this.#compare(record)
      state.calls = record.call + 1
      this.#keepNote(record)
      if (record.kind === 'call') return record
      const { call } = record
      const isIntent = record.kind === 'intent'
      record = isIntent ? state.source.next() : record
      if (record === undefined) return this.#end(true)
      if (!isIntent || record.call !== call) throw calledBack(call)
      // A call that gave way to a checkpoint or to a crash stands in the log once more.
      if (record.kind === 'abandoned') {
        state.calls = call
        record = state.source.next()
      } else if (record.kind !== 'intent') {
        if (record.note.length > 0) this.#keepNote(record)
        return record
      }
    }
  }

  /** Of an intent, which the result's record overwrites. */
  #keepNote({ note, call }: LogRecord): void {
    this.#note = note.length === 0 ? noNote : payloadBytes(note, this.#state.options.chunks, call).slice()
  }

  leave(outcome: WasmValue): WasmValue {
    if (this.#live) return outcome
    const passed = this.#passed
    if (passed !== undefined) {
      this.#passed = undefined
      if (outcome !== 0) throw notFollowed(passed.call, this.#call.shape.name, outcome)
      this.#put(passed)
      this.#state.options.onCall?.(passed.call)
    }
    return this.#call.slots.outcome()
  }

  threw(thrown: unknown): never {
    throw thrown
  }

  #end(intent: boolean): undefined {
    const state = this.#state
    state.atEnd = true
    const { shape, slots } = this.#call
    const { module, name } = shape
    const call = state.calls - (intent ? 1 : 0)
    state.options.onEnd?.({ call, intent, module, name, words: slots.words, note: intent ? this.#note : noNote })
    return undefined
  }

  #compare(record: LogRecord): void {
    const { slots, access, memory, shape } = this.#call
    const { fn } = record
    const { words } = slots
    access?.before(words)
    if (fn !== this.#fn) {
      if (fn.shape.module !== shape.module || fn.shape.name !== shape.name)
        diverged(this.#call, record, this.#state.options.chunks)
      if (fn.plan.all !== slots.plan.all || fn.plan.params !== slots.plan.params)
        diverged(this.#call, record, this.#state.options.chunks)
      this.#fn = fn
    }
    const { map, params } = fn.plan
    for (let k = 0; k < params; k++)
      if (words[map[k]!] !== fn.words[k]) diverged(this.#call, record, this.#state.options.chunks)
    if (!fn.shape.input || (record.kind !== 'call' && record.kind !== 'intent')) return
    const { inputs } = access!
    if (inputs.total !== record.input.length) diverged(this.#call, record, this.#state.options.chunks)
    const { chunks } = this.#state.options
    let range = 0
    let at = 0
    for (const piece of payloadPieces(record.input, chunks, record.call)) {
      for (const byte of piece) {
        if (memory.bytes[inputs.pointers[range]! + at] !== byte)
          diverged(this.#call, record, this.#state.options.chunks)
        if (++at < inputs.lengths[range]!) continue
        range++
        at = 0
      }
    }
  }

  /** Puts memory in the state that the recorded call left; the slots are. */
  #put(record: LogRecord & { kind: 'call' | 'result' }): void {
    const { slots, access } = this.#call
    if (access === undefined || slots.errno !== 0) return
    if (record.fn.shape.output) this.#write(record.output, record.call)
    if (!access.writeResults(slots.words, slots.words, record.fn.plan.resultSlot)) throw unwritable(record.call)
  }

  #write(output: Payload, call: number): void {
    const { access, slots, memory, row } = this.#call
    const { chunks } = this.#state.options
    // Only arguments and environment need their bytes to tell how many strings they are.
    const strings = row!.params.some((param) => param.kind === 'pointer' && param.size.from === 'state')
    const recorded = strings ? payloadBytes(output, chunks, call) : undefined
    access!.after(slots.words, slots.words, slots.plan.resultSlot, recorded)
    const { outputs } = access!
    if (outputs.total !== output.length) throw unwritable(call)
    let range = 0
    let done = 0
    for (const piece of payloadPieces(output, chunks, call)) {
      for (let at = 0; at < piece.length; ) {
        const length = Math.min(outputs.lengths[range]! - done, piece.length - at)
        memory.bytes.set(piece.subarray(at, at + length), outputs.pointers[range]! + done)
        at += length
        done += length
        if (done < outputs.lengths[range]!) continue
        range++
        done = 0
      }
    }
  }
}
