import { ValType } from '../../wasm-shim/module/model.ts'
import type { WordPlan } from '../log/functions.ts'
import type { ImportFunction, WasmValue } from './interceptor.ts'

/**
 * One call's arguments, outcome and results as words, in an array that every call of the function uses again. References
 * have no words.
 */
export class CallSlots {
  readonly words: Int32Array
  readonly plan: WordPlan
  readonly #params: readonly ValType[]
  readonly #results: readonly ValType[]
  readonly #bigints: BigInt64Array
  readonly #floats: Float32Array
  readonly #doubles: Float64Array

  constructor(plan: WordPlan, params: readonly ValType[], results: readonly ValType[]) {
    this.plan = plan
    this.#params = params
    this.#results = results
    this.words = new Int32Array(plan.slots)
    this.#bigints = new BigInt64Array(this.words.buffer)
    this.#floats = new Float32Array(this.words.buffer)
    this.#doubles = new Float64Array(this.words.buffer)
  }

  put(index: number, value: WasmValue): void {
    this.#store(this.#params[index]!, index, value)
  }

  /** As the JS API gives it: nothing, one value, or an array. */
  putOutcome(value: WasmValue): void {
    const types = this.#results
    const first = this.plan.outcomeSlot >> 1
    if (types.length === 1) this.#store(types[0]!, first, value)
    else if (types.length > 1) {
      let at = 0
      for (const one of value as Iterable<WasmValue>) {
        if (at < types.length) this.#store(types[at]!, first + at, one)
        at++
      }
    }
  }

  outcome(): WasmValue {
    const types = this.#results
    const first = this.plan.outcomeSlot >> 1
    if (types.length === 0) return undefined
    if (types.length === 1) return this.#load(types[0]!, first)
    return types.map((type, i) => this.#load(type, first + i))
  }

  /** The outcome as the errno of a WASI call; 0 where the guest wants none. */
  get errno(): number {
    return this.words[this.plan.outcomeSlot] ?? 0
  }

  #store(type: ValType, slot: number, value: WasmValue): void {
    // Hosts may return what WebAssembly converts: true, '1', undefined.
    switch (type) {
      case ValType.i32:
        this.words[slot << 1] = typeof value === 'number' ? value : Number(value)
        break
      case ValType.i64:
        this.#bigints[slot] = value as bigint
        break
      case ValType.f32:
        this.#floats[slot << 1] = Number(value)
        break
      case ValType.f64:
        this.#doubles[slot] = Number(value)
        break
    }
  }

  #load(type: ValType, slot: number): WasmValue {
    switch (type) {
      case ValType.i32:
        return this.words[slot << 1]
      case ValType.i64:
        return this.#bigints[slot]
      case ValType.f32:
        return this.#floats[slot << 1]
      case ValType.f64:
        return this.#doubles[slot]
      default:
        return undefined
    }
  }
}

/** What an interceptor does around a call whose arguments are in the slots. */
export interface CallHooks {
  /** Returns false to answer the call without making it. */
  enter(): boolean
  /** Given the outcome (undefined where the call was not made), returns what the guest gets. */
  leave(outcome: WasmValue): WasmValue
  /** Given what the call threw; throws it, or something else. */
  threw(thrown: unknown): never
}

/** A function with as many parameters as the import: gathering them into an array costs as much as a short call. */
export function around(slots: CallSlots, arity: number, next: ImportFunction, hooks: CallHooks): ImportFunction {
  switch (arity) {
    case 0:
      return () => {
        if (!hooks.enter()) return hooks.leave(undefined)
        let outcome: WasmValue
        try {
          outcome = next()
        } catch (thrown) {
          hooks.threw(thrown)
        }
        return hooks.leave(outcome)
      }
    case 1:
      return (a) => {
        slots.put(0, a)
        if (!hooks.enter()) return hooks.leave(undefined)
        let outcome: WasmValue
        try {
          outcome = next(a)
        } catch (thrown) {
          hooks.threw(thrown)
        }
        return hooks.leave(outcome)
      }
    case 2:
      return (a, b) => {
        slots.put(0, a)
        slots.put(1, b)
        if (!hooks.enter()) return hooks.leave(undefined)
        let outcome: WasmValue
        try {
          outcome = next(a, b)
        } catch (thrown) {
          hooks.threw(thrown)
        }
        return hooks.leave(outcome)
      }
    case 3:
      return (a, b, c) => {
        slots.put(0, a)
        slots.put(1, b)
        slots.put(2, c)
        if (!hooks.enter()) return hooks.leave(undefined)
        let outcome: WasmValue
        try {
          outcome = next(a, b, c)
        } catch (thrown) {
          hooks.threw(thrown)
        }
        return hooks.leave(outcome)
      }
    case 4:
      return (a, b, c, d) => {
        slots.put(0, a)
        slots.put(1, b)
        slots.put(2, c)
        slots.put(3, d)
        if (!hooks.enter()) return hooks.leave(undefined)
        let outcome: WasmValue
        try {
          outcome = next(a, b, c, d)
        } catch (thrown) {
          hooks.threw(thrown)
        }
        return hooks.leave(outcome)
      }
    case 5:
      return (a, b, c, d, e) => {
        slots.put(0, a)
        slots.put(1, b)
        slots.put(2, c)
        slots.put(3, d)
        slots.put(4, e)
        if (!hooks.enter()) return hooks.leave(undefined)
        let outcome: WasmValue
        try {
          outcome = next(a, b, c, d, e)
        } catch (thrown) {
          hooks.threw(thrown)
        }
        return hooks.leave(outcome)
      }
    default:
      return (...args) => {
        for (let i = 0; i < arity; i++) slots.put(i, args[i])
        if (!hooks.enter()) return hooks.leave(undefined)
        let outcome: WasmValue
        try {
          outcome = next(...args)
        } catch (thrown) {
          hooks.threw(thrown)
        }
        return hooks.leave(outcome)
      }
  }
}
