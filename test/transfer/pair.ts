import { connectionLost } from '../../runtime/transfer/channel.ts'
import type { Duplex } from '../../runtime/transfer/duplex.ts'
import { decodeMessage, type Kind } from '../../runtime/transfer/protocol.ts'

export interface PairOptions {
  /** Bytes after which the connection breaks, counted over both directions. The frame in which that is does not arrive. */
  readonly cutAfter?: number
  /** Count from the first frame of this kind on. */
  readonly from?: Kind
}

class End implements Duplex {
  readonly frames: (Uint8Array | undefined)[] = []
  readonly line: { left: number; isCut: boolean; ends: End[]; from: Kind | undefined }
  other!: End
  #wake: (() => void) | undefined

  constructor(line: End['line']) {
    this.line = line
  }

  async send(frame: Uint8Array): Promise<void> {
    await Promise.resolve()
    if (this.line.isCut) throw connectionLost('cut')
    if (this.line.from !== undefined && decodeMessage(frame).kind === this.line.from) this.line.from = undefined
    if (this.line.from === undefined) this.line.left -= frame.length
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
export function duplexPair({ cutAfter = Number.POSITIVE_INFINITY, from }: PairOptions = {}): [Duplex, Duplex] {
  const line = { left: cutAfter, isCut: false, ends: [] as End[], from }
  const [a, b] = [new End(line), new End(line)]
  a.other = b
  b.other = a
  line.ends.push(a, b)
  return [a, b]
}
