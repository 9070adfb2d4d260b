import { StasisError } from '../../wasm-shim/errors.ts'
import type { FromGuest, Post, ToGuest } from './messages.ts'
import { packError } from './packed-error.ts'

/** The host's calls of exports, in the guest's thread: each waits until the one before has returned. */
export class CallQueue {
  readonly #post: Post<FromGuest>
  readonly #waiting: ToGuest['call'][] = []
  /** The call that runs now; 0 for one made before a restore. */
  #current = 0

  constructor(post: Post<FromGuest>) {
    this.#post = post
  }

  add(call: ToGuest['call']): void {
    this.#waiting.push(call)
  }

  /** The next call of one of these exports. Others are answered. */
  next(exports: readonly string[]): ToGuest['call'] | undefined {
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      if (exports.includes(call.name)) {
        this.#current = call.id
        return call
      }
      const error = new StasisError('STASIS_EXPORT_MISSING', `The module exports no function ${call.name}.`)
      this.#post('notCalled', { id: call.id, error: packError(error) })
    }
    return undefined
  }

  returned(value: unknown): void {
    this.#post('returned', { id: this.#current, value })
    this.#current = 0
  }
}
