/**
 * The few words that the thread which serves people (signals, terminal, control connections) shares with the thread the
 * guest runs in. Layout of the Int32Array: [0] pending request bits, [1] wake counter, [2] 1 while the guest sleeps,
 * [3] captured states that are not saved yet. A
 * waiting guest sleeps on the wake counter; whoever has news (a request, bytes on stdin) bumps it. The guest's side looks
 * at word 0 on every call, so a request costs a call one plain load. Where threads share no memory each has a block of
 * its own, requests come as messages, and nobody sleeps on it.
 */

/**
 * `atOnce`: without asking for room first; a guest that stops is in no hurry. `lean`: without contents of the host's files.
 * `byLog`: stop before a call, where the log is enough to go on, so that polls are passed by; `anywhere` ends that patience.
 * `osr`: nobody asks for anything, but the stack may be resumed in place, in code that was optimised meanwhile.
 */
export const Request = { checkpoint: 1, stop: 2, atOnce: 4, lean: 8, byLog: 16, anywhere: 32, osr: 64 } as const

/** Size of a block's buffer. */
export const controlBytes = 16

const requestWord = 0
const wakeWord = 1
const sleepWord = 2
const unsavedWord = 3

export class ControlBlock {
  readonly buffer: ArrayBufferLike
  readonly #words: Int32Array

  constructor(buffer: ArrayBufferLike = new SharedArrayBuffer(controlBytes)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
  }

  /** Whether the other side sees what is written here. */
  get isShared(): boolean {
    return !(this.buffer instanceof ArrayBuffer)
  }

  /** Any side: asks for a checkpoint (and a stop), and wakes a waiting guest. */
  request(bits: number): void {
    Atomics.or(this.#words, requestWord, bits)
    this.wake()
  }

  /** Any side: what is worth no wake, and waits for the guest's next call or poll. */
  suggest(bits: number): void {
    Atomics.or(this.#words, requestWord, bits)
  }

  /** Guest side: whether somebody waits for an answer. */
  get isRequested(): boolean {
    return (this.pending & ~Request.osr) !== 0
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
    this.setAsleep(true)
    const result = Atomics.wait(this.#words, wakeWord, since, milliseconds)
    this.setAsleep(false)
    return result === 'timed-out' ? 'timeout' : 'woken'
  }

  setAsleep(isAsleep: boolean): void {
    Atomics.store(this.#words, sleepWord, isAsleep ? 1 : 0)
  }

  /** Any side: whether the guest sleeps at this moment. */
  get isAsleep(): boolean {
    return Atomics.load(this.#words, sleepWord) === 1
  }

  /** Guest side: one more state is on its way to the store. */
  shipped(): void {
    // Where no memory is shared, nobody would hear that it was saved.
    if (this.isShared) Atomics.add(this.#words, unsavedWord, 1)
  }

  /** The other side: one is saved, or given up. */
  settled(): void {
    if (!this.isShared) return
    Atomics.sub(this.#words, unsavedWord, 1)
    this.wake()
  }

  get unsaved(): number {
    return Atomics.load(this.#words, unsavedWord)
  }
}
