/**
 * Bytes of stdin on their way from the thread that serves people (producer) to the guest's (consumer): a ring in shared
 * memory. Six header words, then the bytes: [0] bytes taken and [1] bytes given since the beginning, modulo 2^32; [2] 1
 * once no more will come; [3] 1 once the guest has asked for input, before which the producer leaves its source alone;
 * [4] a counter that the consumer bumps to wake the producer; [5] 1 while the producer waits for room. The producer
 * wakes the consumer through the control block.
 */
import { StasisError } from '../../wasm-shim/errors.ts'

const takenWord = 0
const givenWord = 1
const endedWord = 2
const wantedWord = 3
const signalWord = 4
const starvedWord = 5
const headerBytes = 6 * 4

/** A pipe's capacity on Linux. A power of two, so that positions stay right when the counters wrap. */
export const ringCapacity = 65536

export class StdinRing {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bytes: Uint8Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(headerBytes + ringCapacity)) {
    if (buffer.byteLength !== headerBytes + ringCapacity)
      throw new StasisError(
        'STASIS_STDIN_RING',
        `A stdin ring has ${headerBytes + ringCapacity} bytes, not ${buffer.byteLength}. Pass the buffer of one.`,
        { size: buffer.byteLength },
      )
    this.buffer = buffer
    this.#words = new Int32Array(buffer, 0, headerBytes / 4)
    this.#bytes = new Uint8Array(buffer, headerBytes)
  }

  /** Consumer: bytes that can be read, 0 at the end, undefined when none are there yet. Makes the producer start. */
  readable(): number | undefined {
    this.#ask()
    // The end is looked up first: bytes given before it are then certainly seen.
    const ended = Atomics.load(this.#words, endedWord) === 1
    const length = this.#length()
    if (length > 0) return length
    return ended ? 0 : undefined
  }

  /** Consumer: bytes read into `target`, 0 at the end, undefined when none are there yet. */
  read(target: Uint8Array): number | undefined {
    const readable = this.readable()
    if (readable === undefined || readable === 0) return readable
    const length = Math.min(readable, target.length)
    const taken = Atomics.load(this.#words, takenWord)
    this.#copyOut(target, taken, length)
    Atomics.store(this.#words, takenWord, (taken + length) | 0)
    if (Atomics.load(this.#words, starvedWord) === 1) this.signal()
    return length
  }

  /** Consumer, or producer while the consumer is at rest: what was given and not read. It stays in the ring. */
  unread(): Uint8Array {
    const bytes = new Uint8Array(this.#length())
    this.#copyOut(bytes, Atomics.load(this.#words, takenWord), bytes.length)
    return bytes
  }

  /** Producer: puts in as much as there is room for and returns how much that was. */
  give(source: Uint8Array): number {
    const length = Math.min(source.length, ringCapacity - this.#length())
    const given = Atomics.load(this.#words, givenWord)
    const start = given & (ringCapacity - 1)
    const first = Math.min(length, ringCapacity - start)
    this.#bytes.set(source.subarray(0, first), start)
    this.#bytes.set(source.subarray(first, length), 0)
    Atomics.store(this.#words, givenWord, (given + length) | 0)
    return length
  }

  /** Producer: there is no room. */
  get isFull(): boolean {
    return this.#length() === ringCapacity
  }

  /** Producer: no more will come. */
  end(): void {
    Atomics.store(this.#words, endedWord, 1)
  }

  /** Producer: whether the guest has asked for input yet. */
  get wanted(): boolean {
    return Atomics.load(this.#words, wantedWord) === 1
  }

  /** Producer: read before looking for room or a request, then given to `nextSignal`, so that none is lost between. */
  get signals(): number {
    return Atomics.load(this.#words, signalWord)
  }

  /** Producer: says whether it waits for room, of which the consumer then tells by a signal. */
  setStarved(starved: boolean): void {
    Atomics.store(this.#words, starvedWord, starved ? 1 : 0)
  }

  /** Producer: resolves at a signal later than `since`. It keeps no process alive. */
  async nextSignal(since: number): Promise<void> {
    const waiting = waitAsync(this.#words, signalWord, since)
    if (waiting.async) await waiting.value
  }

  /** Consumer: wakes the producer. Also for the producer itself, to end its own waiting. */
  signal(): void {
    Atomics.add(this.#words, signalWord, 1)
    Atomics.notify(this.#words, signalWord)
  }

  #ask(): void {
    if (this.#words[wantedWord] === 1) return
    Atomics.store(this.#words, wantedWord, 1)
    this.signal()
  }

  #length(): number {
    return (Atomics.load(this.#words, givenWord) - Atomics.load(this.#words, takenWord)) >>> 0
  }

  #copyOut(target: Uint8Array, taken: number, length: number): void {
    const start = taken & (ringCapacity - 1)
    const first = Math.min(length, ringCapacity - start)
    target.set(this.#bytes.subarray(start, start + first))
    target.set(this.#bytes.subarray(0, length - first), first)
  }
}

type WaitAsyncResult =
  | { readonly async: false; readonly value: string }
  | { readonly async: true; readonly value: Promise<string> }

/** ES2024, which Node 20 has and its type library of ES2023 does not name. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(words: Int32Array, index: number, value: number): WaitAsyncResult
}
