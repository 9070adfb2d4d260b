import type { CallView } from './call-view.ts'
import type { LogRecord } from './record.ts'

/** A call of a log with all that is known of it, whether it was one record or two. */
export interface LoggedCall {
  readonly call: number
  readonly thread: number
  /** Bytes that its records take in the log. */
  readonly size: number
  readonly view: CallView
}

const none: readonly LoggedCall[] = []

/**
 * Makes calls of records: an intent and its result become one, at the place of the result; a call that gave way to a
 * checkpoint is none. Holds the calls that have begun and not ended, which are as many as there are threads and nested
 * calls.
 */
export class CallJoiner {
  readonly #view: (record: LogRecord) => CallView
  #begun: LoggedCall[] = []

  /** `view` is asked for what is to be shown of a record. */
  constructor(view: (record: LogRecord) => CallView) {
    this.#view = view
  }

  /** Whether a call that was wanted has begun and not ended. */
  get isBusy(): boolean {
    return this.#begun.length > 0
  }

  /**
   * Calls that will never have a result, since `record` makes them again: the program was killed during them, and
   * restored. To be asked before `add`.
   */
  lostAt({ kind, call }: LogRecord): readonly LoggedCall[] {
    if (this.#begun.length === 0 || (kind !== 'call' && kind !== 'intent')) return none
    const lost = this.#begun.filter((begun) => begun.call >= call)
    if (lost.length === 0) return none
    this.#begun = this.#begun.filter((begun) => begun.call < call)
    return lost.map(unfinished)
  }

  /** The call that ends with this record. Nothing is kept of a call that is not wanted. */
  add(record: LogRecord, isWanted: boolean): LoggedCall | undefined {
    const { call, thread, size } = record
    if (record.kind === 'call') return isWanted ? { call, thread, size, view: this.#view(record) } : undefined
    if (record.kind === 'intent') {
      if (isWanted) this.#begun.push({ call, thread, size, view: this.#view(record) })
      return undefined
    }
    const at = this.#begun.findIndex((begun) => begun.call === call)
    if (at < 0) return undefined
    const [begun] = this.#begun.splice(at, 1)
    if (record.kind === 'abandoned') return undefined
    const { view } = begun!
    return { call, thread, size: begun!.size + size, view: joined(view, this.#view(record)) }
  }

  /** The log has ended: the calls that have no result. */
  finish(): readonly LoggedCall[] {
    const left = this.#begun.map(unfinished)
    this.#begun = []
    return left
  }
}

/** Written out, since views are made by the million and spreading one takes longer than all the rest. */
function joined(begun: CallView, ended: CallView): CallView {
  const { shape, plan, row, input, inputLength } = begun
  const { words, output, outputLength, ending } = ended
  // The parameters in the function's words may be those of a later call.
  for (let slot = 0; slot < plan.outcomeSlot; slot++) words[slot] = begun.words[slot]!
  return { shape, plan, row, words, input, inputLength, output, outputLength, ending }
}

const unfinished = ({ call, thread, size, view }: LoggedCall): LoggedCall => ({
  call,
  thread,
  size,
  view: { ...view, ending: { kind: 'unfinished' } },
})
