import { StasisError } from '../../wasm-shim/errors.ts'
import type { GuestMemory } from '../../wasm-shim/wasi/guest-memory.ts'
import { ExitSignal, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import { type CallAccess, Ranges } from '../../wasm-shim/wasi/host-writes.ts'
import type { CallNotes } from '../../wasm-shim/wasi/kernel.ts'
import { type Effect, effectOf, mayCreate } from '../log/effects.ts'
import { Quirk, wordsOf } from '../log/layout.ts'
import type { LogWriter } from '../log/writer.ts'
import { type CallSite, callSite, guestMemory, type MemoryOptions } from './call-site.ts'
import { around, type CallHooks } from './call-slots.ts'
import type { ImportSite, Interceptor, WasmValue } from './interceptor.ts'
import { Uncommitted } from './uncommitted.ts'

export interface RecordOptions extends MemoryOptions {
  /** Called before an effect leaves the session, when all before it was handed to the log's sink: to flush to the disk. */
  readonly beforeEffect?: () => void
  /** What is to be kept of a function's calls beyond parameters and results: `kernel.notes`. */
  readonly notes?: (module: string, name: string) => CallNotes
}

/**
 * Writes every call to a log: parameters, results, what the host wrote into memory; before effects an intent, which is
 * handed to the log's sink together with all before it (D9). Belongs next to the kernel, behind all other interceptors.
 * Throws STASIS_LOG_REFERENCE at linking for a function that returns references.
 *
 *     const log = new LogWriter({ session, sink: (block) => appendFile(block), chunks })
 *     const link = (site) => compose([record(log, { memory: () => engine.memory() })], kernel.link(...), site)
 */
export function record(log: LogWriter, options: RecordOptions): Interceptor {
  const memory = guestMemory(options.memory)
  const uncommitted = new Uncommitted()
  return (next, site) => {
    refuseReferences(site)
    const call = callSite(site, memory, options.rows, (log.quirks & Quirk.writtenBytes) !== 0)
    return around(call.slots, site.params.length, next, new Recorder(log, call, options, uncommitted))
  }
}

/** Throws STASIS_LOG_REFERENCE. */
export function refuseReferences(site: ImportSite): void {
  const reference = site.results.some((type) => wordsOf(type) === 0)
  if (reference) {
    const message = `${site.module}.${site.name} returns a reference, which a call log cannot hold. Run without a log.`
    throw new StasisError('STASIS_LOG_REFERENCE', message, { module: site.module, name: site.name })
  }
}

const none = new Ranges()

/** Records the calls of one function. */
export class Recorder implements CallHooks {
  readonly #log: LogWriter
  readonly #call: CallSite
  readonly #fn: number
  readonly #words: Int32Array
  readonly #outcomeSlot: number
  readonly #resultSlot: number
  readonly #beforeEffect: (() => void) | undefined
  readonly #noteBefore: CallNotes['before']
  readonly #noteAfter: CallNotes['after']
  readonly #isUnrepeatable: CallNotes['isUnrepeatable']
  readonly #repeatable: CallNotes['repeatable']
  readonly #uncommitted: Uncommitted
  readonly #closes: boolean
  readonly #hasRow: boolean
  readonly #hasInput: boolean
  /** 'creating' asks the arguments. */
  readonly #effect: Effect
  /** Whether parameters and results are all that there is to its calls, and nothing depends on them. */
  readonly #isPlain: boolean
  readonly #memory: GuestMemory
  readonly #access: CallAccess | undefined
  readonly #inputs: Ranges
  readonly #outputs: Ranges
  /** Inputs as they were before the call, which may overwrite them. */
  readonly #given = { bytes: new Uint8Array(256) }
  readonly #givenRanges = new Ranges()
  /** Never set while a function with a row is being called, so that calls from within do not disturb it. */
  #isAnnounced = false
  /** Whether the call that is being made is repeatable, if it succeeds. */
  #repeats = false

  /** `uncommitted` is shared by all functions of the log. */
  constructor(
    log: LogWriter,
    call: CallSite,
    { beforeEffect, notes }: Pick<RecordOptions, 'beforeEffect' | 'notes'>,
    uncommitted: Uncommitted,
  ) {
    this.#uncommitted = uncommitted
    this.#log = log
    this.#call = call
    this.#fn = log.define(call.shape)
    this.#words = call.slots.words
    this.#outcomeSlot = call.slots.plan.outcomeSlot
    this.#resultSlot = call.slots.plan.resultSlot
    this.#beforeEffect = beforeEffect
    const { before, after, isUnrepeatable, repeatable } = notes?.(call.shape.module, call.shape.name) ?? {}
    this.#noteBefore = before
    this.#noteAfter = after
    this.#repeatable = repeatable
    this.#closes = call.shape.name === 'fd_close' || call.shape.name === 'fd_renumber'
    this.#isUnrepeatable = call.row === undefined ? () => true : isUnrepeatable
    this.#hasRow = call.row !== undefined
    this.#hasInput = call.shape.input
    this.#effect = effectOf(call.row)
    const isNoted = this.#noteAfter !== undefined || this.#isUnrepeatable !== undefined || repeatable !== undefined
    const hasBytes = call.shape.input || call.shape.output
    this.#isPlain = this.#hasRow && this.#effect === 'never' && !isNoted && !hasBytes && !this.#closes
    this.#memory = call.memory
    this.#access = call.access
    this.#inputs = call.access?.inputs ?? none
    this.#outputs = call.access?.outputs ?? none
  }

  enter(): boolean {
    if (this.#isPlain) return true
    const words = this.#words
    this.#access?.before(words)
    this.#repeats = this.#repeatable?.isRepeatable(words) === true
    const isEffect = this.#effect === 'always' || (this.#effect === 'creating' && mayCreate(words))
    this.#isAnnounced = isEffect && !this.#mayWait(words)
    if (this.#isAnnounced) this.#announce(words)
    else if (this.#hasInput) this.#keepInput()
    return true
  }

  /** Whether the effect may take place before the log has it: then it needs no record before, either. */
  #mayWait(words: Int32Array): boolean {
    // Where power loss counts too, everything is on the disk before.
    if (!this.#repeats || this.#beforeEffect !== undefined || this.#hasInput) return false
    return !this.#repeatable!.writes || this.#uncommitted.mayWait(this.#log, words[0]!)
  }

  #announce(words: Int32Array): void {
    this.#note(this.#noteBefore?.(words))
    this.#log.intent(this.#fn, words, this.#inputs, this.#memory)
    this.#log.commit()
    this.#uncommitted.committed()
    this.#beforeEffect?.()
  }

  /** Says whether the call that was recorded can be made again like that. */
  #keepTrack(words: Int32Array, succeeded: boolean): void {
    if (!succeeded || !this.#repeats || !this.#repeatable!.isWhole(words[this.#resultSlot]!)) this.#uncommitted.end()
    if (this.#closes) {
      this.#uncommitted.closed(words[0]!)
      // fd_renumber: the second argument.
      this.#uncommitted.closed(words[2]!)
    }
  }

  leave(outcome: WasmValue): WasmValue {
    const words = this.#words
    if (this.#isPlain && outcome === 0) {
      words[this.#outcomeSlot] = 0
      this.#access!.readResults(words, words, this.#resultSlot)
      this.#log.plain(this.#fn, words)
      this.#uncommitted.end()
      return 0
    }
    const slots = this.#call.slots
    slots.putOutcome(outcome)
    const succeeded = this.#hasRow && slots.errno === 0
    if (succeeded) {
      this.#access!.readResults(words, words, this.#resultSlot)
      this.#access!.after(words, words, this.#resultSlot)
    } else this.#outputs.clear()
    if (this.#noteAfter !== undefined) this.#note(this.#noteAfter())
    if (this.#isAnnounced) this.#log.result(this.#fn, words, succeeded, this.#outputs, this.#memory)
    else this.#log.call(this.#fn, words, succeeded, this.#givenRanges, this.#given, this.#outputs, this.#memory)
    this.#keepTrack(words, succeeded)
    if (this.#isUnrepeatable?.(words)) this.#log.commit()
    return outcome
  }

  #note(note: Uint8Array | undefined): void {
    if (note !== undefined) this.#log.note(note)
  }

  threw(thrown: unknown): never {
    const log = this.#log
    const waits = thrown instanceof WaitInterrupted
    const open = this.#isAnnounced
    // A wait that gave way to a checkpoint was no call: it is made again.
    if (waits && !open) throw thrown
    if (!open) log.intent(this.#fn, this.#words, this.#givenRanges, this.#given)
    if (waits) log.abandon()
    else if (thrown instanceof ExitSignal) log.exit(thrown.code)
    else log.threw(thrown instanceof Error ? thrown.message : String(thrown))
    log.commit()
    throw thrown
  }

  #keepInput(): void {
    const { access, memory } = this.#call
    const { inputs } = access!
    const kept = this.#givenRanges
    kept.clear()
    kept.add(0, inputs.total)
    if (this.#given.bytes.length < inputs.total) this.#given.bytes = new Uint8Array(inputs.total * 2)
    let at = 0
    for (let i = 0; i < inputs.count; i++) {
      const start = inputs.pointers[i]!
      const length = inputs.lengths[i]!
      this.#given.bytes.set(memory.bytes.subarray(start, start + length), at)
      at += length
    }
  }
}
