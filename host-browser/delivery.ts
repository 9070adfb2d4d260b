import type { Store } from '../runtime/store/store.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { isTaken } from './fences.ts'
import { StoredLog } from './stored-log.ts'
import { untilRoom } from './until-room.ts'
import type { FromWorker, WorkerMessage } from './worker-messages.ts'

type LogMessage = Extract<WorkerMessage, { kind: `log${string}` }>

export interface DeliveryOptions {
  readonly store: Store
  readonly session: string
  /** Told when the guest's effects are held back because there is no room for its log, and when there is again. */
  readonly onFull: (waiting: boolean, reason: string) => void
  /** So many bytes of log were taken care of. */
  readonly onTaken: (bytes: number) => void
  readonly onError: (error: unknown) => void
}

/**
 * Handles what comes from the guest's worker, in order: pieces of log go into the store, several in one step where they
 * wait for each other, and what follows them is handed on once they are there.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #log: StoredLog
  readonly #queue: (LogMessage | (() => void | Promise<void>))[] = []
  #isBusy = false
  #isOver = false

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#log = new StoredLog(options.store, options.session)
  }

  log(message: LogMessage): void {
    this.#queue.push(message)
    void this.#work()
  }

  /** Calls `deliver` after all that came before; at once where nothing did. */
  inOrder(deliver: () => void | Promise<void>): void {
    this.#queue.push(deliver)
    void this.#work()
  }

  /** Nothing more is handed on. */
  end(): void {
    this.#isOver = true
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      for (let next = this.#queue.shift(); next !== undefined && !this.#isOver; next = this.#queue.shift()) {
        if (typeof next !== 'function') await this.#write(next)
        else {
          const done = next()
          if (done !== undefined) await done
        }
      }
    } catch (error) {
      this.#isOver = true
      this.#options.onError(error)
    }
    this.#isBusy = false
  }

  async #write(message: LogMessage): Promise<void> {
    switch (message.kind) {
      case 'logAppend':
        return this.#append(message.payload)
      case 'logOpen':
        return this.#retry(() => this.#log.open(message.payload))
      case 'logSetAside':
        return this.#retry(() => this.#log.setAside(message.payload.segment))
      case 'logChunk':
        await this.#retry(() => this.#log.chunk(message.payload))
        this.#options.onTaken(message.payload.bytes.length)
    }
  }

  /** What has come for the same segment meanwhile goes along. */
  async #append({ segment, at, bytes }: FromWorker['logAppend']): Promise<void> {
    const parts = [bytes]
    let end = at + bytes.length
    for (;;) {
      const [next] = this.#queue
      if (typeof next !== 'object' || next.kind !== 'logAppend') break
      if (next.payload.segment !== segment || next.payload.at !== end) break
      this.#queue.shift()
      parts.push(next.payload.bytes)
      end += next.payload.bytes.length
    }
    await this.#retry(() => this.#log.append(segment, at, parts))
    this.#options.onTaken(end - at)
  }

  async #retry(step: () => Promise<void>): Promise<void> {
    const { store, onFull } = this.#options
    await untilRoom(step, { store, onFull, isOver: () => this.#isOver }).catch((error) => {
      throw isTaken(error) ? error : failed(store, error)
    })
  }
}

function failed({ url }: Store, cause: unknown): StasisError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `The call log cannot be written to ${url}: ${reason} The session stops here; what was recorded before is intact.`
  return new StasisError('STASIS_LOG_WRITE', message, { url }, { cause })
}
