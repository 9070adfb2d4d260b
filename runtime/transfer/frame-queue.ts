import type { StasisError } from '../../wasm-shim/errors.ts'
import { connectionLost } from './channel.ts'

/** Frames that have arrived and wait to be taken, and how the connection ended: what a Duplex over an event source needs. */
export class FrameQueue {
  readonly #frames: Uint8Array[] = []
  #closed: 'no' | 'cleanly' | { readonly reason: string; readonly cause?: unknown } = 'no'
  #wake: () => void = () => undefined

  get length(): number {
    return this.#frames.length
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#wake()
  }

  /** A WebSocket was closed with this code, and this reason for people. What had arrived can still be taken. */
  endWithCode(code: number, reason: string): void {
    const isClean = code === 1000 || code === 1001 || code === 1005
    this.#end(isClean ? 'cleanly' : { reason: reason || `closed with code ${code}` })
  }

  fail(error: Error): void {
    this.#end({ reason: error.message, cause: error })
  }

  /** Why nothing can be sent any more; undefined while it can. */
  get lost(): StasisError | undefined {
    const closed = this.#closed
    if (closed === 'no') return undefined
    return closed === 'cleanly'
      ? connectionLost('the other side closed it')
      : connectionLost(closed.reason, closed.cause)
  }

  /** As `Duplex.receive`. */
  async receive(): Promise<Uint8Array | undefined> {
    while (this.#frames.length === 0) {
      if (this.#closed === 'cleanly') return undefined
      const { lost } = this
      if (lost !== undefined) throw lost
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#frames.shift()
  }

  #end(how: 'cleanly' | { readonly reason: string; readonly cause?: unknown }): void {
    if (this.#closed === 'no') this.#closed = how
    this.#wake()
  }
}
