import { captureLogOnly } from '../engine/log-only-error.ts'
import { type ControlBlock, Request } from './control-block.ts'
import type { Pending } from './deferred.ts'
import type { Post, ToGuest } from './messages.ts'
import type { CheckpointInfo } from './outcome.ts'

export interface CheckpointOptions {
  readonly label?: string
  /** Stop the session afterwards: `done` becomes 'suspended'. */
  readonly stop?: boolean
  /** Default: 'request'. */
  readonly cause?: string
  /** Carry the contents of the host's files. Default true, but for the cause 'keyframe'. */
  readonly files?: boolean
}

export interface CheckpointRequest extends Pending<CheckpointInfo | undefined> {
  readonly options: CheckpointOptions
  /** A stop will do without a checkpoint. */
  readonly mayHalt: boolean
  /** A stop is better without one, where the log is enough. */
  readonly byLog: boolean
}

export interface RequestsPlace {
  readonly control: ControlBlock
  readonly post: Post<ToGuest>
  /** Whether the guest can be asked now. */
  readonly isOpen: () => boolean
  readonly isLogOnly: () => boolean
  /** The guest puts off a checkpoint that somebody waits for. */
  readonly onHeldOff: () => void
}

/** Requests for checkpoints, in order: the first one is before the guest, the others wait for it. */
export class CheckpointRequests {
  readonly #place: RequestsPlace
  readonly #waiting: CheckpointRequest[] = []
  /** Who asked is told, and whoever asks meanwhile. */
  #isHeldOff = false

  constructor(place: RequestsPlace) {
    this.#place = place
  }

  add(request: CheckpointRequest): void {
    this.#waiting.push(request)
    if (this.#waiting.length === 1) this.ask()
    else if (this.#isHeldOff && isSomebodys(request)) this.#place.onHeldOff()
  }

  /** Puts the first request before the guest, if it can be asked; `how` are more bits for it. */
  ask(how = 0): void {
    const { control, post, isOpen, isLogOnly } = this.#place
    if (!isOpen()) return
    while (isLogOnly() && this.#waiting[0]?.mayHalt === false) this.#waiting.shift()?.reject(captureLogOnly())
    const [request] = this.#waiting
    if (request === undefined) return
    const bits = bitsOf(request) | how
    control.request(bits)
    post('check', { request: bits })
  }

  /** A stop by the log is under way and the guest makes no call: a poll will do, with a checkpoint. */
  hurry(): void {
    if (this.#waiting[0]?.byLog) this.#place.control.request(Request.anywhere)
  }

  /** The guest holds checkpoints off. */
  heldOff(): void {
    this.#isHeldOff = true
    if (this.#waiting.some(isSomebodys)) this.#place.onHeldOff()
  }

  /** The guest has captured its state. */
  captured(isRequested: boolean): CheckpointRequest | undefined {
    this.#isHeldOff = false
    return this.take(isRequested)
  }

  /** The request that the guest has answered, where it was one. */
  take(isRequested: boolean): CheckpointRequest | undefined {
    if (!isRequested) return undefined
    this.#isHeldOff = false
    return this.#waiting.shift()
  }

  /** Comes first again, in another form. */
  putBack(request: CheckpointRequest): void {
    this.#waiting.unshift(request)
  }

  rejectAll(error: () => Error): void {
    for (const request of this.#waiting.splice(0)) request.reject(error())
  }
}

/** Nobody waits for a keyframe. */
const isSomebodys = ({ options }: CheckpointRequest): boolean => options.cause !== 'keyframe'

function bitsOf({ options: { cause, files = cause !== 'keyframe', stop }, byLog }: CheckpointRequest): number {
  return Request.checkpoint | (stop ? Request.stop : 0) | (byLog ? Request.byLog : 0) | (files ? 0 : Request.lean)
}
