import type { CallAccess } from '../../wasm-shim/wasi/host-writes.ts'
import type { LogSource } from '../log/reader.ts'
import type { LogFunction, LogRecord } from '../log/record.ts'
import type { CallSite } from './call-site.ts'
import type { ReplayOptions, ReplayState } from './replay.ts'
import { diverged, unwritable } from './replay-errors.ts'

type Follow = (words: Int32Array, results: Int32Array, at: number) => void

/**
 * Answers the calls of a function that has neither input nor output, where their records are finished calls: clocks,
 * sizes, positions. No object is made, and the kernel's code is not run: only what it would have changed is.
 */
export class PlainReplayer {
  readonly #state: ReplayState
  readonly #call: CallSite
  readonly #words: Int32Array
  readonly #access: CallAccess
  readonly #source: LogSource
  readonly #onCall: ReplayOptions['onCall']
  /** The call's effect on the kernel's state. */
  readonly #follow: Follow | undefined

  private constructor(state: ReplayState, call: CallSite, access: CallAccess, follow: Follow | undefined) {
    this.#state = state
    this.#call = call
    this.#words = call.slots.words
    this.#access = access
    this.#source = state.source
    this.#onCall = state.options.onCall
    this.#follow = follow
  }

  /** undefined where the function's calls need more. */
  static of(state: ReplayState, call: CallSite): PlainReplayer | undefined {
    const { shape, access } = call
    const { kernel } = state.options
    if (access === undefined || shape.input || shape.output) return undefined
    const follow = kernel?.follower?.(shape.module, shape.name)
    const isFollowed = follow !== undefined || kernel?.isRetraced(shape.module, shape.name) !== true
    return isFollowed ? new PlainReplayer(state, call, access, follow) : undefined
  }

  /** False where the next record is not of that kind, and was not read. `fn` has the words of this function. */
  answer(fn: LogFunction): boolean {
    if (this.#source.plain === undefined || !this.#source.plain(fn)) return false
    const words = this.#words
    const { words: recorded, plan } = fn
    const { map, params, outcome, outcomeSlot } = plan
    for (let k = 0; k < params; k++) if (words[map[k]!] !== recorded[k]) this.#diverged(fn)
    const call = this.#state.calls++
    const errno = recorded[params]!
    words[outcomeSlot] = errno
    if (errno === 0) {
      if (!this.#access.writeResults(words, recorded, outcome)) throw unwritable(call)
      this.#follow?.(words, recorded, outcome)
    }
    this.#onCall?.(call)
    return true
  }

  #diverged(fn: LogFunction): never {
    const nothing = { length: 0, bytes: new Uint8Array(0), chunked: false }
    const { calls: call } = this.#state
    const payloads = { note: nothing, input: nothing, output: nothing }
    const record: LogRecord = { kind: 'call', call, thread: 0, size: 0, fn, ...payloads }
    this.#access.before(this.#call.slots.words)
    return diverged(this.#call, record, this.#state.options.chunks)
  }
}
