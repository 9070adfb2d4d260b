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
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#frames.push(new Uint8Array(data))
    }
    socket.onclose = ({ code, reason }) => this.#frames.endWithCode(code, reason)
  }

  async send(frame: Uint8Array): Promise<void> {
    while (this.#frames.lost === undefined && this.#socket.bufferedAmount > sendMark) {
      await new Promise((resolve) => setTimeout(resolve, look))
    }
    const { lost } = this.#frames
    if (lost !== undefined) throw lost
    this.#socket.send(frame as Uint8Array<ArrayBuffer>)
  }

  receive(): Promise<Uint8Array | undefined> {
    return this.#frames.receive()
  }

  close(): void {
    this.#socket.close(1000)
  }
}
