import type { Host } from '../../wasm-shim/wasi/host.ts'
import type { ControlBlock } from './control-block.ts'

/** A program that holds a request off for so many calls, or nanoseconds, is told of. */
const patience = { calls: 10_000, time: 1_000_000_000n } as const

/**
 * A request for a checkpoint while the program does not want one (`stasis.disable`): it stays pending until the program
 * does. Whoever made it is told when that takes long.
 */
export class HoldOff {
  readonly #tell: () => void
  readonly #monotonic: () => bigint
  #calls = 0
  #since: bigint | undefined
  #isTold = false

  constructor(monotonic: () => bigint, tell: () => void) {
    this.#monotonic = monotonic
    this.#tell = tell
  }

  /** At a call or poll with a request pending. */
  look(): void {
    this.#since ??= this.#monotonic()
    this.#calls++
    // Looking at the clock costs more than the call.
    if (this.#isTold || (this.#calls < patience.calls && (this.#calls & 63) !== 0)) return
    if (this.#calls >= patience.calls || this.left === 0n) this.tell()
  }

  /** Nanoseconds until somebody is to be told; undefined when that was done. */
  get left(): bigint | undefined {
    if (this.#isTold) return undefined
    this.#since ??= this.#monotonic()
    const left = this.#since + patience.time - this.#monotonic()
    return left > 0n ? left : 0n
  }

  tell(): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#tell()
  }

  /** The request is met. */
  over(): void {
    this.#calls = 0
    this.#since = undefined
    this.#isTold = false
  }
}

/** The host, whose waits a request does not end while the program holds it off: it is pending again when they are over. */
export function holding(host: Host, control: ControlBlock, hold: HoldOff, isHeld: () => boolean): Host {
  const { clocks } = host
  const wait: Host['wait'] = (condition) => {
    if (!isHeld()) return host.wait(condition)
    const { timeout, stdin } = condition
    const deadline = timeout === undefined ? undefined : clocks.monotonic() + timeout
    let parked = control.take()
    try {
      for (;;) {
        const rest = deadline === undefined ? undefined : deadline - clocks.monotonic()
        const patient = parked === 0 ? undefined : hold.left
        const isPatience = patient !== undefined && (rest === undefined || patient < rest)
        const limit = isPatience ? patient : rest
        const result = host.wait(limit === undefined ? { stdin } : { stdin, timeout: limit > 0n ? limit : 0n })
        const more = control.take()
        parked |= more
        if (result === 'ready' || (result === 'timeout' && !isPatience)) return result
        if (result === 'timeout') hold.tell()
        else if (more === 0) return result
      }
    } finally {
      if (parked !== 0) control.request(parked)
    }
  }
  const { random, stdin, stdout, stderr } = host
  return { clocks, random, stdin, stdout, stderr, wait }
}
