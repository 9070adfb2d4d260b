import { isStasisError } from '../../wasm-shim/errors.ts'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import type { Checkpoint } from '../image/model.ts'
import type { CaptureDecider } from './triggers.ts'

const taken = 1
const restored = 2

/**
 * The checkpoints that the program asks for by `stasis.checkpoint`. The call gives way to the capture, and is made again
 * behind it (D4): then it is answered by what became of it. What is kept here belongs to the thread and not to the image,
 * so that a program which goes on in a fresh instance of the same thread sees what it would have seen without.
 */
export class OwnCheckpoints {
  readonly #decider: CaptureDecider
  /** Number of the call that the program was restored in front of; -1 for none. */
  readonly #restoredAt: number
  #isAsked = false
  #answer: number | undefined

  constructor(decider: CaptureDecider, restoredAt: number) {
    this.#decider = decider
    this.#restoredAt = restoredAt
  }

  /** Of the call that is being made: undefined where it has to give way. */
  readonly answer = (): number | undefined => {
    const answer = this.#answer
    this.#answer = undefined
    if (answer !== undefined) return answer
    // It is counted already.
    if (this.#decider.calls - 1 === this.#restoredAt) return restored
    this.#isAsked = true
    this.#decider.giveWay('guest')
    return undefined
  }

  /** A checkpoint was taken here, or refused. */
  settle(error?: unknown): void {
    if (!this.#isAsked) return
    this.#isAsked = false
    this.#answer = error === undefined ? taken : -errnoOf(error)
  }

  /** The checkpoint that stopped the program could not be saved. */
  notSaved(): void {
    if (this.#answer === taken) this.#answer = -Errno.EIO
  }
}

const errnos: Readonly<Record<string, number>> = {
  STASIS_CAPTURE_LOG_ONLY: Errno.ENOTSUP,
  STASIS_CAPTURE_MEMORY: Errno.ENOMEM,
}

/** Most refusals are of the instant. */
function errnoOf(error: unknown): number {
  return (isStasisError(error) && errnos[error.code]) || Errno.EAGAIN
}

/** Number of the call that a program is going to make again; -1 where it stood at none. */
export function pendingCall(checkpoint: Checkpoint | undefined): number {
  const [stack] = checkpoint?.stacks ?? []
  return checkpoint === undefined || stack === undefined || stack.call.import < 0 ? -1 : checkpoint.calls
}
