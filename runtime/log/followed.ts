import type { ChunkStore } from './chunks.ts'
import type { LogFile, LogStorage } from './storage.ts'

/** Size of the memory by which the two sides of a followed log understand each other. */
export const followerBytes = 8

const generationWord = 0
const overWord = 1

/**
 * How the guest's thread is told that a log has grown. Int32Array: [0] the generation, raised whenever there is more,
 * [1] 1 once there will be no more.
 */
export class LogFollower {
  readonly #words: Int32Array

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer)
  }

  /** The side that adds to the log: there is more. Returns the generation that has it. */
  grown(): number {
    const generation = Atomics.add(this.#words, generationWord, 1) + 1
    Atomics.notify(this.#words, generationWord)
    return generation
  }

  /** That side: what there is now is all. */
  end(): void {
    Atomics.store(this.#words, overWord, 1)
    this.grown()
  }

  /** The guest's side, before it reads. */
  get generation(): number {
    return Atomics.load(this.#words, generationWord)
  }

  get isOver(): boolean {
    return Atomics.load(this.#words, overWord) === 1
  }

  /** The guest's side: sleeps until there is another generation than this one. */
  wait(generation: number): void {
    Atomics.wait(this.#words, generationWord, generation)
  }
}

/** A log whose segment `growing` is read as it grows. */
export class FollowedStorage implements LogStorage {
  readonly #inner: LogStorage
  readonly #growing: string
  readonly #follower: LogFollower
  readonly #onCaughtUp: (generation: number) => void

  constructor(inner: LogStorage, growing: string, follower: LogFollower, onCaughtUp: (generation: number) => void) {
    this.#inner = inner
    this.#growing = growing
    this.#follower = follower
    this.#onCaughtUp = onCaughtUp
  }

  get chunks(): ChunkStore {
    return this.#inner.chunks
  }

  *read(segment: string): Iterable<Uint8Array> {
    if (segment !== this.#growing) return yield* this.#inner.read(segment)
    for (let done = 0; ; ) {
      // Before the segment is read, so that what comes meanwhile is looked for again.
      const { generation, isOver } = this.#follower
      let at = 0
      for (const piece of this.#inner.read(segment)) {
        const known = Math.min(piece.length, Math.max(0, done - at))
        at += piece.length
        if (known === piece.length) continue
        done = at
        yield piece.subarray(known)
      }
      if (isOver) return
      this.#onCaughtUp(generation)
      this.#follower.wait(generation)
    }
  }

  open(segment: string, bytes: number): LogFile {
    return this.#inner.open(segment, bytes)
  }

  setAside(segment: string): void {
    this.#inner.setAside(segment)
  }
}
