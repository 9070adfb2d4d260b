import { Errno } from '../wasm-shim/wasi/errno.ts'
import type { HostStream, StreamKind } from '../wasm-shim/wasi/host.ts'
import type { FromWorker } from './worker-messages.ts'

/** More is asked for while so many bytes wait. A pipe's capacity on Linux. */
const enough = 65536

/** stdin that comes in messages, for workers without shared memory. */
export class PostedInput {
  readonly #tell: (payload: FromWorker['input']) => void
  readonly #chunks: Uint8Array[] = []
  #length = 0
  #received = 0
  #hasEnded = false
  #isWanted = false

  /** `tell` is called with what was received, and whether more is wanted. */
  constructor(tell: (payload: FromWorker['input']) => void) {
    this.#tell = tell
  }

  receive(bytes: Uint8Array): void {
    if (bytes.length === 0) this.#hasEnded = true
    else this.#chunks.push(bytes)
    this.#length += bytes.length
    this.#received += bytes.length
    this.#isWanted = false
    this.#ask()
  }

  /** Tells that bytes came, and once that more may come. */
  #ask(): void {
    if (this.#isWanted) return
    this.#isWanted = this.#length < enough
    this.#tell({ received: this.#received, wanted: this.#isWanted })
  }

  stream(kind: StreamKind): HostStream {
    return {
      kind,
      read: (target) => this.#read(target),
      readable: () => this.#readable(),
      unread: () => this.#unread(),
      write: () => -Errno.EBADF,
    }
  }

  #readable(): number | undefined {
    if (this.#length === 0 && !this.#hasEnded) this.#ask()
    return this.#length === 0 && !this.#hasEnded ? undefined : this.#length
  }

  #read(target: Uint8Array): number | undefined {
    const readable = this.#readable()
    if (readable === undefined || readable === 0) return readable
    let done = 0
    while (done < target.length && this.#chunks.length > 0) {
      const [chunk] = this.#chunks as [Uint8Array]
      const part = chunk.subarray(0, target.length - done)
      target.set(part, done)
      done += part.length
      if (part.length === chunk.length) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(part.length)
    }
    this.#length -= done
    if (!this.#hasEnded) this.#ask()
    return done
  }

  #unread(): Uint8Array {
    const bytes = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return bytes
  }
}
