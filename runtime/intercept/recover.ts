import { Quirk } from '../log/layout.ts'
import type { LogSource } from '../log/reader.ts'
import type { LogWriter } from '../log/writer.ts'
import { type CallSite, callSite, guestMemory } from './call-site.ts'
import { around, type CallHooks } from './call-slots.ts'
import type { Interceptor, WasmValue } from './interceptor.ts'
import { Recorder, type RecordOptions, refuseReferences } from './record.ts'
import { type ReplayEnd, Replayer, type ReplayOptions, type ReplayState, replayState } from './replay.ts'
import { Uncommitted } from './uncommitted.ts'

export interface RecoverOptions extends Omit<ReplayOptions, 'onEnd'>, RecordOptions {
  /** Called once, when the log has ended, before the call that follows is made: gives the log to go on with. */
  readonly goOn: (end: ReplayEnd) => LogWriter
}

/**
 * Rolls a program forward: calls are answered from a log to its end, then made and recorded, as by `replay` and `record`.
 *
 *     const source = openLog(pieces)
 *     recover(source, { memory, chunks, kernel, goOn: () => new LogWriter({ session, sink, chunks, resume: source.reader.resumePoint() }) })
 */
export function recover(source: LogSource, options: RecoverOptions): Interceptor {
  const memory = guestMemory(options.memory)
  let log: LogWriter | undefined
  const uncommitted = new Uncommitted()
  const state = replayState(source, {
    ...options,
    onEnd: (end) => {
      log = options.goOn(end)
    },
  })
  const { quirks = 0 } = options
  return (next, site) => {
    refuseReferences(site)
    const call = callSite(site, memory, options.rows, (quirks & Quirk.writtenBytes) !== 0)
    const hooks = new RecoveredCall(state, call, () => new Recorder(log!, call, options, uncommitted))
    return around(call.slots, site.params.length, next, hooks)
  }
}

/** The calls of one function: replayed, then recorded. */
class RecoveredCall implements CallHooks {
  readonly #state: ReplayState
  readonly #replayer: Replayer
  readonly #makeRecorder: () => Recorder
  #recorder: Recorder | undefined

  constructor(state: ReplayState, call: CallSite, makeRecorder: () => Recorder) {
    this.#state = state
    this.#replayer = new Replayer(state, call)
    this.#makeRecorder = makeRecorder
  }

  enter(): boolean {
    if (this.#recorder !== undefined) return this.#recorder.enter()
    if (!this.#state.atEnd) {
      const isPassed = this.#replayer.enter()
      if (!this.#state.atEnd) return isPassed
    }
    this.#recorder = this.#makeRecorder()
    return this.#recorder.enter()
  }

  leave(outcome: WasmValue): WasmValue {
    return this.#recorder === undefined ? this.#replayer.leave(outcome) : this.#recorder.leave(outcome)
  }

  threw(thrown: unknown): never {
    return this.#recorder === undefined ? this.#replayer.threw(thrown) : this.#recorder.threw(thrown)
  }
}
