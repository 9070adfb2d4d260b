import { StasisError } from '../../wasm-shim/errors.ts'
import { type CallSite, callSite, guestMemory, type MemoryOptions } from './call-site.ts'
import { around, type CallHooks } from './call-slots.ts'
import type { Interceptor, WasmValue } from './interceptor.ts'

export interface Limits extends MemoryOptions {
  /** Calls, of all functions together. */
  readonly calls?: number
  /** Bytes that go through calls: written, read, paths and lists. */
  readonly bytes?: number
  /** Nanoseconds of `now` from linking on; looked at before each call, so a program that makes none is not stopped. */
  readonly time?: bigint
  readonly now?: () => bigint
}

/**
 * Ends the program by an exception before the call that would go beyond a limit: STASIS_LIMIT_CALLS, STASIS_LIMIT_BYTES or
 * STASIS_LIMIT_TIME. What a call returns is counted after it, so the last one may go beyond.
 *
 *     limit({ calls: 1_000_000, bytes: 1 << 30, memory: () => engine.memory() })
 */
export function limit(limits: Limits): Interceptor {
  const memory = guestMemory(limits.memory)
  const spent: Spent = { calls: 0, bytes: 0, since: limits.now?.() ?? 0n }
  return (next, site) => {
    const call = callSite(site, memory, limits.rows, true)
    return around(call.slots, site.params.length, next, new Limiter(limits, spent, call))
  }
}

interface Spent {
  calls: number
  bytes: number
  readonly since: bigint
}

class Limiter implements CallHooks {
  readonly #limits: Limits
  readonly #spent: Spent
  readonly #call: CallSite

  constructor(limits: Limits, spent: Spent, call: CallSite) {
    this.#limits = limits
    this.#spent = spent
    this.#call = call
  }

  enter(): boolean {
    const { calls, bytes, time, now } = this.#limits
    const { access, slots } = this.#call
    const spent = this.#spent
    access?.before(slots.words)
    const given = access?.inputs.total ?? 0
    if (calls !== undefined && spent.calls >= calls) throw this.#exceeded('CALLS', `${calls} calls`)
    if (bytes !== undefined && spent.bytes + given > bytes) throw this.#exceeded('BYTES', `${bytes} bytes`)
    if (time !== undefined && now !== undefined && now() - spent.since > time) {
      throw this.#exceeded('TIME', `${time} nanoseconds`)
    }
    spent.calls++
    spent.bytes += given
    return true
  }

  leave(outcome: WasmValue): WasmValue {
    const { access, slots } = this.#call
    slots.putOutcome(outcome)
    if (access !== undefined && slots.errno === 0) {
      access.readResults(slots.words, slots.words, slots.plan.resultSlot)
      access.after(slots.words, slots.words, slots.plan.resultSlot)
      this.#spent.bytes += access.outputs.total
    }
    return outcome
  }

  threw(thrown: unknown): never {
    throw thrown
  }

  #exceeded(what: 'CALLS' | 'BYTES' | 'TIME', limit: string): StasisError {
    const { name } = this.#call.site
    const { calls, bytes } = this.#spent
    return new StasisError(
      `STASIS_LIMIT_${what}`,
      `The program has used up its limit of ${limit}, and ${name} was not called. Run it with a higher limit.`,
      { calls, bytes, name },
    )
  }
}
