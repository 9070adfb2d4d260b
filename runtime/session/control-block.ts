/**
 * The few words that the thread which serves people (signals, terminal, control connections) shares with the thread the
 * guest runs in. Layout of the Int32Array: [0] pending request bits, [1] wake counter, [2] 1 while the guest sleeps. A waiting guest sleeps on the wake
 * counter; whoever has news (a request, bytes on stdin) bumps it. The guest's side looks at word 0 on every call, so a
 * request costs a call one plain load.
 */

/** `atOnce`: without asking for room first; a guest that stops is in no hurry. `lean`: without contents of the host's files. */
export const Request = { checkpoint: 1, stop: 2, atOnce: 4, lean: 8 } as const

const requestWord = 0
const wakeWord = 1
const sleepWord = 2

export class ControlBlock {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(12)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
  }

  /** Any side: asks for a checkpoint (and a stop), and wakes a waiting guest. */
  request(bits: number): void {
    Atomics.or(this.#words, requestWord, bits)
    this.wake()
  }

  /** Guest side, on the hot path: not atomic, hence late by some nanoseconds at most. */
  get pending(): number {
    return this.#words[requestWord] as number
  }

  /** Guest side: takes and clears the pending bits. */
  take(): number {
    return Atomics.exchange(this.#words, requestWord, 0)
  }

  wake(): void {
    Atomics.add(this.#words, wakeWord, 1)
    Atomics.notify(this.#words, wakeWord)
  }

  /** Guest side: read before looking for work, then handed to `sleep`, so that no wake between the two is lost. */
  get wakeCount(): number {
    return Atomics.load(this.#words, wakeWord)
  }

  /** Guest side: sleeps until a wake later than `since`, or for `milliseconds` (Infinity: without limit). */
  sleep(since: number, milliseconds: number): 'woken' | 'timeout' {
    Atomics.store(this.#words, sleepWord, 1)
    const result = Atomics.wait(this.#words, wakeWord, since, milliseconds)
    Atomics.store(this.#words, sleepWord, 0)
    return result === 'timed-out' ? 'timeout' : 'woken'
  }

  /** Any side: whether the guest sleeps at this moment. */
  get isAsleep(): boolean {
    return Atomics.load(this.#words, sleepWord) === 1
  }
}
