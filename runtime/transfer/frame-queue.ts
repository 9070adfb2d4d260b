import { connectionLost } from './channel.ts'

/** Frames that have come over a connection and wait to be taken, and how it has ended. */
export class FrameQueue {
  readonly #frames: Uint8Array[] = []
  #end: 'no' | 'cleanly' | Error = 'no'
  #wake: () => void = () => undefined

  get length(): number {
    return this.#frames.length
  }

  get hasEnded(): boolean {
    return this.#end !== 'no'
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#wake()
  }

  /** The first end counts. */
  end(how: 'cleanly' | Error): void {
    if (this.#end === 'no') this.#end = how
    this.#wake()
  }

  /** As a WebSocket tells how it was closed. */
  closed(code: number, reason: string): void {
    const isClean = code === 1000 || code === 1001 || code === 1005
    this.end(isClean ? 'cleanly' : new Error(reason || `closed with code ${code}`))
  }

  /** The next frame; undefined at a clean end. Throws `lost` where it broke off. */
  async take(): Promise<Uint8Array | undefined> {
    while (this.#frames.length === 0) {
      if (this.#end === 'cleanly') return undefined
      if (this.#end !== 'no') throw this.lost()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#frames.shift()
  }

  /** Why nothing can be sent any more. */
  lost() {
    const end = this.#end
    return end instanceof Error ? connectionLost(end.message, end) : connectionLost('the other side closed it')
  }
}
