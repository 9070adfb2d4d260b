import { type ControlBlock, Request } from './control-block.ts'

/** Milliseconds of work before the first time, and more for each MB of the module, whose continuations take longer to build. */
const first = 250
const firstPerMegabyte = 25
/** Each time comes after so much of the work that came before it, and at the latest after so many milliseconds. */
const share = 0.5
const latest = 10_000

/**
 * Lets the guest's stack be captured and resumed in place from time to time while it works. Engines optimise a WebAssembly
 * function while it runs, but a frame that was entered before goes on in the old code (DESIGN: V8 has no on-stack replacement
 * for wasm), which for a loop that is entered once is for ever, at a half to a quarter of the speed. A resumed frame runs in a
 * continuation, whose code is optimised by the next time. Returns what ends it.
 */
export function replaceOnStack(
  control: ControlBlock,
  moduleSize: number,
  every: (milliseconds: number, look: () => void) => () => void,
): () => void {
  let worked = 0
  let stop = () => {}
  const wait = (milliseconds: number): void => {
    stop = every(milliseconds, () => {
      stop()
      if (!control.isAsleep) {
        control.suggest(Request.osr)
        worked += milliseconds
      }
      wait(worked === 0 ? milliseconds : Math.min(worked * share, latest))
    })
  }
  wait(first + (firstPerMegabyte * moduleSize) / 1e6)
  return () => stop()
}

/** A replacement that took so long is not repeated before so many times its duration have passed. */
const mostOften = 30

/** Guest side: what replacements cost, and whether the next one would be too early for that. Times in nanoseconds. */
export class ReplacementCost {
  readonly #monotonic: () => bigint
  #began: bigint | undefined
  #notBefore = 0n

  constructor(monotonic: () => bigint) {
    this.#monotonic = monotonic
  }

  /** At the call where the stack would be captured. */
  isWorth(): boolean {
    const now = this.#monotonic()
    if (now < this.#notBefore) return false
    this.#began = now
    return true
  }

  /** The stack stands again, whatever it was captured for. */
  resumed(): void {
    if (this.#began === undefined) return
    const now = this.#monotonic()
    this.#notBefore = now + (now - this.#began) * BigInt(mostOften)
    this.#began = undefined
  }
}
