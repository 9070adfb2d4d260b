import { deferred, type Pending } from './deferred.ts'

/** The host's calls of a program's exports: made one after the other, answered by number. */
export class HostCalls {
  readonly #waiting = new Map<number, Pending<unknown>>()
  #lastNumber = 0
  #last: Promise<unknown> = Promise.resolve()
  /** What the call returns that was under way at the checkpoint from which the session was restored; its number is 0. */
  readonly resumed: Promise<unknown>

  constructor() {
    const { promise, ...pending } = deferred<unknown>()
    this.#waiting.set(0, pending)
    this.resumed = promise
    // Nobody has to wait for it.
    promise.catch(() => undefined)
  }

  /** Settles with the latest call, hence after all others. Never rejects. */
  get last(): Promise<unknown> {
    return this.#last
  }

  add(): { readonly id: number; readonly result: Promise<unknown> } {
    const { promise, ...pending } = deferred<unknown>()
    const id = ++this.#lastNumber
    this.#waiting.set(id, pending)
    this.#last = promise.catch(() => undefined)
    return { id, result: promise }
  }

  /** Whoever waits for the call, once. */
  take(id: number): Pending<unknown> | undefined {
    const call = this.#waiting.get(id)
    this.#waiting.delete(id)
    return call
  }

  rejectAll(error: () => Error): void {
    for (const call of this.#waiting.values()) call.reject(error())
    this.#waiting.clear()
  }
}
