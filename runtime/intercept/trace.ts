import { ExitSignal, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import { type CallView, type Ending, shownBytes } from '../log/call-view.ts'
import { formatCall } from '../log/format-call.ts'
import { type CallSite, callSite, guestMemory, type MemoryOptions } from './call-site.ts'
import { around, type CallHooks } from './call-slots.ts'
import type { Interceptor, WasmValue } from './interceptor.ts'

export interface TraceOptions extends MemoryOptions {
  /** Nanoseconds of any clock; given, each line ends with how long the call took. */
  readonly now?: () => bigint
}

/**
 * Tells every call as a line, as strace does: names, flags in words, texts shortened, errnos by name, bytes, duration.
 *
 *     trace((line) => process.stderr.write(`${line}\n`), { memory: () => engine.memory(), now: process.hrtime.bigint })
 *     // fd_write(1, "hello\n") = nwritten 6 <4120 ns>
 */
export function trace(sink: (line: string) => void, options: TraceOptions): Interceptor {
  const memory = guestMemory(options.memory)
  return (next, site) => {
    const call = callSite(site, memory, options.rows, true)
    return around(call.slots, site.params.length, next, new Tracer(sink, call, options.now))
  }
}

/** What is known of a call before it is made; a stack, since a host function may call the guest back. */
interface Entered {
  readonly words: Int32Array
  readonly input: Uint8Array
  readonly inputLength: number
  readonly since: bigint
}

class Tracer implements CallHooks {
  readonly #sink: (line: string) => void
  readonly #call: CallSite
  readonly #now: (() => bigint) | undefined
  readonly #entered: Entered[] = []

  constructor(sink: (line: string) => void, call: CallSite, now: (() => bigint) | undefined) {
    this.#sink = sink
    this.#call = call
    this.#now = now
  }

  enter(): boolean {
    const { access, slots, memory } = this.#call
    access?.before(slots.words)
    this.#entered.push({
      words: slots.words.slice(),
      input: access?.inputs.gather(memory, shownBytes) ?? new Uint8Array(0),
      inputLength: access?.inputs.total ?? 0,
      since: this.#now?.() ?? 0n,
    })
    return true
  }

  leave(outcome: WasmValue): WasmValue {
    const { access, slots } = this.#call
    const entered = this.#entered.pop()!
    slots.putOutcome(outcome)
    slots.words.set(entered.words.subarray(0, slots.plan.outcomeSlot))
    access?.outputs.clear()
    if (slots.errno === 0) {
      access?.readResults(slots.words, slots.words, slots.plan.resultSlot)
      access?.after(slots.words, slots.words, slots.plan.resultSlot)
    }
    this.#tell(slots.words, entered, { kind: 'returned' })
    return outcome
  }

  threw(thrown: unknown): never {
    const entered = this.#entered.pop()!
    this.#call.access?.outputs.clear()
    this.#tell(entered.words, entered, endingOf(thrown))
    throw thrown
  }

  #tell(words: Int32Array, { input, inputLength, since }: Entered, ending: Ending): void {
    const { access, slots, memory, row, shape } = this.#call
    const view: CallView = {
      shape,
      plan: slots.plan,
      row,
      words,
      input,
      inputLength,
      output: access?.outputs.gather(memory, shownBytes) ?? new Uint8Array(0),
      outputLength: access?.outputs.total ?? 0,
      ending,
      ...(this.#now && { duration: this.#now() - since }),
    }
    this.#sink(formatCall(view))
  }
}

function endingOf(thrown: unknown): Ending {
  if (thrown instanceof ExitSignal) return { kind: 'exit', code: thrown.code }
  if (thrown instanceof WaitInterrupted) return { kind: 'abandoned' }
  return { kind: 'threw', message: thrown instanceof Error ? thrown.message : String(thrown) }
}
