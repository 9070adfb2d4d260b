/**
 * Memory for checkpoints, on its way from the thread that serves people to the guest's. A page of new memory costs the
 * operating system's work when it is first written to, several times that of copying the page; so new memory is written
 * to on this side, while the guest runs, and that of a checkpoint which is saved goes back to be filled again.
 */
import { setImmediate } from 'node:timers/promises'
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'

const pageSize = 4096
/** Some milliseconds of work: signals and connections are seen to in between. */
const pieceSize = 4 * 1024 * 1024

/** New memory of at least `size` bytes, written to. Throws RangeError where there is none. */
export async function makeRoom(size: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  for (let piece = 0; piece < size; piece += pieceSize) {
    const end = Math.min(piece + pieceSize, size)
    for (let at = piece; at < end; at += pageSize) bytes[at] = 0
    await setImmediate()
  }
  return bytes.buffer
}

/** The guest's side. */
export class Room {
  readonly #port: MessagePort
  #kept: ArrayBuffer | undefined

  constructor(port: MessagePort) {
    this.#port = port
  }

  has(size: number): boolean {
    while (!fits(this.#kept, size)) {
      const received = receiveMessageOnPort(this.#port)
      if (received === undefined) return false
      const buffer: unknown = received.message
      this.#kept = buffer instanceof ArrayBuffer ? buffer : undefined
    }
    return true
  }

  /** At least `size` bytes with any content: what came last, if it is of use, else new memory. */
  take(size: number): Uint8Array {
    const bytes = this.has(size) && this.#kept ? new Uint8Array(this.#kept) : new Uint8Array(size)
    this.#kept = undefined
    return bytes
  }
}

/** More than twice as large would keep memory that the guest has given up. */
function fits(buffer: ArrayBuffer | undefined, size: number): boolean {
  return buffer !== undefined && buffer.byteLength >= size && buffer.byteLength <= 2 * size + 4 * 65536
}
