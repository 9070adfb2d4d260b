import type { WebSocket } from 'ws'
import { connectionLost } from '../../runtime/transfer/channel.ts'
import type { Duplex } from '../../runtime/transfer/duplex.ts'
import { FrameQueue } from '../../runtime/transfer/frame-queue.ts'

/** Bytes that may wait to be sent, and frames that may wait to be taken, before the other side is made to wait. */
const sendMark = 4 << 20
const receiveMark = 16

/** Milliseconds between pings; who has not answered one by the next is gone. */
const pingInterval = 15_000

/** An open WebSocket as a connection of whole frames. */
export class WebSocketDuplex implements Duplex {
  readonly #socket: WebSocket
  readonly #frames = new FrameQueue()

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) return socket.close(1003, 'binary frames only')
      // A plain view, not a Buffer, whose methods differ from those of the Uint8Array that it claims to be.
      this.#frames.push(new Uint8Array(data.buffer, data.byteOffset, data.length))
      if (this.#frames.length >= receiveMark) socket.pause()
    })
    socket.on('error', (error) => this.#frames.end(error))
    socket.on('close', (code, reason) => this.#frames.closed(code, reason.toString()))
    this.#watch()
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#frames.hasEnded) throw this.#frames.lost()
    await new Promise<void>((resolve, reject) => {
      const isFull = this.#socket.bufferedAmount > sendMark
      this.#socket.send(frame, { binary: true }, (error) => {
        if (error) reject(connectionLost(error.message, error))
        else if (isFull) resolve()
      })
      if (!isFull) resolve()
    })
  }

  async receive(): Promise<Uint8Array | undefined> {
    const frame = await this.#frames.take()
    if (this.#socket.isPaused && this.#frames.length < receiveMark / 2) this.#socket.resume()
    return frame
  }

  close(): void {
    this.#socket.close(1000)
  }

  #watch(): void {
    let isAlive = true
    const timer = setInterval(() => {
      // Who is made to wait cannot answer.
      if (!isAlive && !this.#socket.isPaused) return this.#socket.terminate()
      isAlive = false
      this.#socket.ping()
    }, pingInterval)
    timer.unref()
    this.#socket.on('pong', () => {
      isAlive = true
    })
    this.#socket.on('close', () => clearInterval(timer))
  }
}
