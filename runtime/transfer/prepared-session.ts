import type { SessionLock } from '../store/store.ts'
import type { TakeOptions } from './take.ts'

/** A session that follows its log as it comes; see `runtime/session/standby.ts`. */
export interface StandbyPlace {
  readonly standby: {
    isCurrent(): Promise<boolean>
    catchUp(): Promise<void>
    hasGrown(): void
    discard(): Promise<void>
  }
  /** Goes on with it: the lock is the session's own from then on, and released where this rejects. */
  goOn(lock: SessionLock): Promise<void>
}

/** The session that stands by during one transfer, if there is one. */
export class PreparedSession {
  readonly #session: string
  readonly #options: TakeOptions
  #place: StandbyPlace | undefined

  constructor(session: string, options: TakeOptions) {
    this.#session = session
    this.#options = options
  }

  get isPossible(): boolean {
    return this.#options.standBy !== undefined
  }

  /** Whether one stands by. */
  get isReady(): boolean {
    return this.#place !== undefined
  }

  /** After what has come was put in place. */
  async prepare(): Promise<{ readonly ready: boolean; readonly reason: string }> {
    const { standBy } = this.#options
    if (standBy === undefined) return { ready: false, reason: 'Nothing runs on the other side.' }
    try {
      if (this.#place !== undefined && !(await this.#place.standby.isCurrent())) await this.discard()
      this.#place ??= await standBy(this.#session)
      await this.#place.standby.catchUp()
      return { ready: true, reason: '' }
    } catch (error) {
      await this.discard()
      return { ready: false, reason: (error instanceof Error ? error.message : String(error)).slice(0, 4096) }
    }
  }

  /** After the last of it was put in place. */
  async check(): Promise<void> {
    if (this.#place === undefined) return
    if (await this.#place.standby.isCurrent()) this.#place.standby.hasGrown()
    else await this.discard()
  }

  /** Whether it runs now; where not, the lock is as it was or released. */
  async goOn(lock: SessionLock): Promise<boolean> {
    const place = this.#place
    if (place === undefined) return false
    this.#place = undefined
    try {
      await place.goOn(lock)
      return true
    } catch {
      // What is in place is whole: it is restored from there.
      return false
    }
  }

  async discard(): Promise<void> {
    const place = this.#place
    this.#place = undefined
    await place?.standby.discard().catch(() => undefined)
  }
}
