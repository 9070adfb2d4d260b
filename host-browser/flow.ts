/**
 * Bytes of log and output on their way from the guest's worker to the page: a page that is slower than its guest would
 * drown in messages. Counted in one shared word, where memory is shared; else by the worker, which is told.
 */
export class Flow {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
  }

  /** The worker: before it sends so many bytes. Waits while too many are on their way. */
  send(bytes: number): void {
    for (;;) {
      const inFlight = Atomics.load(this.#words, 0)
      if (inFlight < mostInFlight) break
      Atomics.wait(this.#words, 0, inFlight)
    }
    Atomics.add(this.#words, 0, bytes)
  }

  /** The page: so many bytes were taken care of. */
  taken(bytes: number): void {
    Atomics.sub(this.#words, 0, bytes)
    Atomics.notify(this.#words, 0)
  }
}

/** Some frames of the largest block; a disk writes them in a moment. */
export const mostInFlight: number = 8 * 1024 * 1024
