import type { Duplex } from '../../../runtime/transfer/duplex.ts'
import { FrameQueue } from '../../../runtime/transfer/frame-queue.ts'

/** Bytes that may wait to be sent, and milliseconds until that is looked at again: a browser does not say when it is less. */
const sendMark = 4 << 20
const look = 10

/** A browser's WebSocket as a connection of whole frames. */
export class SocketDuplex implements Duplex {
  readonly #socket: WebSocket
  readonly #frames = new FrameQueue()

  /** `socket` is open. */
  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => this.#frames.push(new Uint8Array(data))
    socket.onclose = ({ code, reason }) => this.#frames.closed(code, reason)
  }

  async send(frame: Uint8Array): Promise<void> {
    while (!this.#frames.hasEnded && this.#socket.bufferedAmount > sendMark) {
      await new Promise((resolve) => setTimeout(resolve, look))
    }
    if (this.#frames.hasEnded) throw this.#frames.lost()
    this.#socket.send(frame as Uint8Array<ArrayBuffer>)
  }

  receive(): Promise<Uint8Array | undefined> {
    return this.#frames.take()
  }

  close(): void {
    this.#socket.close(1000)
  }
}
