import { StasisError } from '../../wasm-shim/errors.ts'
import type { Host, HostClocks, WaitCondition } from '../../wasm-shim/wasi/host.ts'
import type { ControlBlock } from './control-block.ts'

/** The event loop of a thread that must not block, since nobody could wake it (D11). */
export interface EventLoop {
  /** A clock that is read quickly. */
  milliseconds(): number
  /** Calls back after everything that has happened was handled. */
  soon(then: () => void): void
  /** Calls back after so many nanoseconds, or when the returned function was called and after that never. */
  later(nanoseconds: bigint, then: () => void): () => void
  /** Told when the guest begins to wait, and when it goes on. */
  resting?(isResting: boolean): void
}

/** Milliseconds for which a guest computes until messages are handled. */
const slice = 50
/** Waits up to so many nanoseconds are spent looking at the clock: a turn of the event loop takes longer. */
const spun = 1_000_000n

/**
 * How a guest waits, and is reached while it computes, in a thread that must not block: its stack is captured, the event
 * loop turns, and the stack is resumed in place. A guest whose stack cannot be captured where it waits looks at the clock
 * until its time has come; for input it would wait for ever, which is an error.
 */
export class Turns {
  readonly #loop: EventLoop
  readonly #clocks: HostClocks
  readonly #control: ControlBlock
  #sliceEnd: number
  #awaited: { readonly deadline: bigint | undefined; readonly stdin: boolean } | undefined
  #isRefused = false
  #goOn: (() => void) | undefined
  #cancel: (() => void) | undefined

  constructor(loop: EventLoop, clocks: HostClocks, control: ControlBlock) {
    this.#loop = loop
    this.#clocks = clocks
    this.#control = control
    this.#sliceEnd = loop.milliseconds() + slice
  }

  /** At calls and polls: whether it is time to handle messages. */
  isDue(): boolean {
    return this.#loop.milliseconds() >= this.#sliceEnd
  }

  /** `Host.wait`. `readable` tells of stdin. */
  wait(readable: () => number | undefined): Host['wait'] {
    return ({ timeout, stdin }: WaitCondition) => {
      if (this.#control.isRequested) return 'interrupted'
      if (stdin && readable() !== undefined) return 'ready'
      if (timeout !== undefined && (timeout <= spun || this.#isRefused)) return this.#spin(timeout)
      if (this.#isRefused) throw cannotWait()
      this.#awaited = { deadline: timeout === undefined ? undefined : this.#clocks.monotonic() + timeout, stdin }
      return 'interrupted'
    }
  }

  #spin(timeout: bigint): 'timeout' {
    const deadline = this.#clocks.monotonic() + timeout
    while (this.#clocks.monotonic() < deadline);
    this.#isRefused = false
    return 'timeout'
  }

  /** Whether a captured guest is one that waits. */
  get isWaiting(): boolean {
    return this.#awaited !== undefined
  }

  /** The stack cannot be captured here. */
  refused(): void {
    this.#isRefused = this.#awaited !== undefined
    this.#awaited = undefined
    this.#sliceEnd = this.#loop.milliseconds() + slice
  }

  /** The guest was captured: lets the event loop turn until it may go on, by `goOn`. */
  begin(goOn: () => void): void {
    this.#goOn = goOn
    const awaited = this.#awaited
    if (awaited === undefined) {
      this.#loop.soon(() => this.end())
      return
    }
    this.#loop.resting?.(true)
    if (awaited.deadline === undefined) return
    const left = awaited.deadline - this.#clocks.monotonic()
    this.#cancel = this.#loop.later(left > 0n ? left : 0n, () => this.end())
  }

  /** Something has happened that the guest may wait for: input, a request. */
  news(): void {
    if (this.#awaited !== undefined) this.end()
  }

  /** The guest goes on, if it was waiting for that. */
  end(): void {
    const goOn = this.#goOn
    if (goOn === undefined) return
    this.#goOn = undefined
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#awaited !== undefined) this.#loop.resting?.(false)
    this.#awaited = undefined
    this.#sliceEnd = this.#loop.milliseconds() + slice
    goOn()
  }
}

const cannotWait = (): StasisError =>
  new StasisError(
    'STASIS_WAIT_UNISOLATED',
    'The program waits for input at a place where its stack cannot be captured, which a page without isolation headers needs to do. ' +
      'Serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
  )
