import type { SessionLock } from '../../runtime/store/store.ts'

/** The lock of a session that is received. A session that goes on with it has it from then on, and nobody else releases it. */
export class LentLock implements SessionLock {
  readonly #whole: SessionLock
  #isOurs = true

  constructor(whole: SessionLock) {
    this.#whole = whole
  }

  /** For the session that goes on. */
  lend(): SessionLock {
    this.#isOurs = false
    return this.#whole
  }

  async release(): Promise<void> {
    if (this.#isOurs) await this.#whole.release()
  }
}
