import { connectionLost } from '../../../runtime/transfer/channel.ts'
import type { Duplex } from '../../../runtime/transfer/duplex.ts'

/** Bytes that may wait to be sent, and milliseconds until that is looked at again: a browser does not say when it is less. */
const sendMark = 4 << 20
const look = 10

/** A browser's WebSocket as a connection of whole frames. */
export class SocketDuplex implements Duplex {
  readonly #socket: WebSocket
  readonly #frames: Uint8Array[] = []
  #closed: 'no' | 'cleanly' | { readonly reason: string } = 'no'
  #wake: () => void = () => undefined

  /** `socket` is open. */
  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#frames.push(new Uint8Array(data))
      this.#wake()
    }
    socket.onclose = ({ code, reason }) => {
      const isClean = code === 1000 || code === 1001 || code === 1005
      this.#closed = isClean ? 'cleanly' : { reason: reason || `closed with code ${code}` }
      this.#wake()
    }
  }

  async send(frame: Uint8Array): Promise<void> {
    while (this.#closed === 'no' && this.#socket.bufferedAmount > sendMark) {
      await new Promise((resolve) => setTimeout(resolve, look))
    }
    if (this.#closed !== 'no') throw this.#lost()
    this.#socket.send(frame as Uint8Array<ArrayBuffer>)
  }

  async receive(): Promise<Uint8Array | undefined> {
    while (this.#frames.length === 0) {
      if (this.#closed === 'cleanly') return undefined
      if (this.#closed !== 'no') throw this.#lost()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#frames.shift()
  }

  close(): void {
    this.#socket.close(1000)
  }

  #lost() {
    return connectionLost(typeof this.#closed === 'object' ? this.#closed.reason : 'the other side closed it')
  }
}
