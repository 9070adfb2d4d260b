import { connectionLost } from '../../runtime/transfer/channel.ts'
import type { Duplex } from '../../runtime/transfer/duplex.ts'

export interface PairOptions {
  /** Bytes after which the connection breaks, counted over both directions. The frame in which that is does not arrive. */
  readonly cutAfter?: number
}

class End implements Duplex {
  readonly frames: (Uint8Array | undefined)[] = []
  readonly line: { left: number; isCut: boolean; ends: End[] }
  other!: End
  #wake: (() => void) | undefined

  constructor(line: End['line']) {
    this.line = line
  }

  async send(frame: Uint8Array): Promise<void> {
    await Promise.resolve()
    if (this.line.isCut) throw connectionLost('cut')
    this.line.left -= frame.length
    if (this.line.left < 0) {
      this.line.isCut = true
      for (const end of this.line.ends) end.wake()
      throw connectionLost('cut')
    }
    this.other.push(frame.slice())
  }

  async receive(): Promise<Uint8Array | undefined> {
    while (this.frames.length === 0) {
      if (this.line.isCut) throw connectionLost('cut')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.frames.shift()
  }

  close(): void {
    this.other.push(undefined)
  }

  push(frame: Uint8Array | undefined): void {
    this.frames.push(frame)
    this.wake()
  }

  wake(): void {
    this.#wake?.()
  }
}

/** Two ends of a connection in memory. */
export function duplexPair({ cutAfter = Number.POSITIVE_INFINITY }: PairOptions = {}): [Duplex, Duplex] {
  const line = { left: cutAfter, isCut: false, ends: [] as End[] }
  const [a, b] = [new End(line), new End(line)]
  a.other = b
  b.other = a
  line.ends.push(a, b)
  return [a, b]
}
