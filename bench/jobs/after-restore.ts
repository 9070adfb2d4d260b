import type { RunOutcome } from '../../runtime/engine/engine.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import type { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { roughThreadTime } from '../clock.ts'
import { createWorld, type Guest, instantiatePrelinked, type Link, linkTo, readBytes } from '../world.ts'
import { encode, stateOf } from './pause.ts'

export interface AfterRestoreInput {
  readonly guest: Guest
  readonly module: string
  readonly prelinked: string
  /** Milliseconds after the first look at the clock at which to capture; none is never. */
  readonly captureAt?: number
  /** How many milliseconds to look at, from the beginning or the restore. */
  readonly span: number
}

/** Portions of work per slot of 100 ms. */
export interface AfterRestoreOutput {
  readonly slots: readonly number[]
}

const slot = 100

class Enough extends Error {}

/** bench/guest/count.py looks at the clock after each portion of work. */
class Counter {
  readonly #span: number
  readonly #ticks: number[] = []

  constructor(span: number) {
    this.#span = span
  }

  tick(): void {
    const now = roughThreadTime()
    this.#ticks.push(now)
    if (now - this.#ticks[0]! > this.#span) throw new Enough()
  }

  get elapsed(): number {
    return roughThreadTime() - (this.#ticks[0] ?? roughThreadTime())
  }

  slots(): number[] {
    const first = this.#ticks[0]!
    const counts = new Array<number>(Math.floor(this.#span / slot)).fill(0)
    for (const tick of this.#ticks) {
      const at = Math.floor((tick - first) / slot)
      if (at < counts.length) counts[at]!++
    }
    return counts
  }
}

const counting =
  (kernel: Kernel, counter: Counter): Link =>
  (site) => {
    const next = linkTo(kernel)(site)
    if (site.name !== 'clock_time_get') return next
    return (...args) => {
      // The monotonic clock; CPython reads the other ones while it starts.
      if (args[0] === 1) counter.tick()
      return next(...args)
    }
  }

/** The loop under the engine: never interrupted, or captured and gone on with in a fresh instance, of a fresh module. */
export function measureAfterRestore(input: AfterRestoreInput): AfterRestoreOutput {
  const original = readBytes(input.module)
  const bytes = readBytes(input.prelinked)
  const world = createWorld(input.guest)
  let kernel = world.create()
  const before = new Counter(input.captureAt === undefined ? input.span : Number.POSITIVE_INFINITY)
  const { captureAt = Number.POSITIVE_INFINITY } = input
  const compiled = new WebAssembly.Module(bytes)
  const engine = instantiatePrelinked(
    compiled,
    original,
    kernel,
    (site) => site !== 'poll' && site.name === 'clock_time_get' && before.elapsed > captureAt,
    counting(kernel, before),
  )
  const outcome = engine.run({ kind: 'export', name: '_start' })
  if (input.captureAt === undefined) return { slots: finish(outcome, before) }
  if (outcome.kind !== 'captured') throw new Error(`the guest ${outcome.kind}`)
  const checkpoint = decodeCheckpoint(encode(stateOf(engine, outcome.stack, kernel)))
  kernel = world.restore(checkpoint.kernel)
  const after = new Counter(input.span)
  // Other bytes, or V8 would hand out the code that it has optimised for the first instance.
  const fresh = new WebAssembly.Module(withCustomSection(bytes))
  const second = instantiatePrelinked(fresh, original, kernel, () => false, counting(kernel, after))
  second.restore(checkpoint.instances[0]!)
  return { slots: finish(second.resume(checkpoint.stacks[0]!), after) }
}

function finish(outcome: RunOutcome, counter: Counter): number[] {
  if (outcome.kind !== 'trapped' || !(outcome.error instanceof Enough)) throw new Error(`the guest ${outcome.kind}`)
  return counter.slots()
}

function withCustomSection(bytes: Uint8Array): Uint8Array {
  const longer = new Uint8Array(bytes.length + 4)
  longer.set(bytes)
  // Section 0, two bytes long, with a name of one letter.
  longer.set([0, 2, 1, 0x78], bytes.length)
  return longer
}
