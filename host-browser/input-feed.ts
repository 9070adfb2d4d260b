import type { ControlBlock } from '../runtime/session/control-block.ts'
import type { StdinRing } from '../runtime/session/stdin-ring.ts'
import { concat } from '../wasm-shim/bytes/arrays.ts'

/** Brings the bytes of a stream to the guest's stdin. */
export interface InputFeed {
  /**
   * Leaves the stream alone from now on and returns what was taken from it and not read by the guest, which is at rest.
   * `taken` is what its worker knows of.
   */
  hold(taken: Uint8Array): Uint8Array
  /** Goes on after `hold`. */
  release(): void
  /** Leaves the stream alone for ever. */
  stop(): void
}

/** Where the bytes go. */
export interface InputSink {
  /** Resolves when more is wanted; the stream is left alone before. */
  wanted(): Promise<void>
  /** Resolves when there is room for more, wanted or not. */
  room(): Promise<void>
  /** Takes a beginning of `bytes`, none of them for the end, and returns how many that were. */
  give(bytes: Uint8Array): number
  /** What it has of what was given and not read, given what the guest's worker knows of. */
  unread(taken: Uint8Array): Uint8Array
}

/** Nothing is read before the guest asks for input. An error of the stream is its end. */
export function feedInput(stream: ReadableStream<Uint8Array>, sink: InputSink): InputFeed {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let rest = nothing
  /** Grows with `hold`, so that a loop from before it ends. */
  let round = 0

  const run = async (own: number) => {
    while (own === round) {
      await sink.wanted()
      if (own !== round) return
      if (rest.length === 0) {
        reader ??= stream.getReader()
        const chunk = await reader.read().catch(() => undefined)
        if (own !== round) return
        if (chunk === undefined || chunk.done) {
          sink.give(nothing)
          return
        }
        rest = chunk.value
        continue
      }
      rest = rest.subarray(sink.give(rest))
    }
  }
  void run(round)

  const stop = () => {
    round++
    // A read that is under way is taken back: its bytes stay in the stream.
    reader?.releaseLock()
    reader = undefined
  }
  return {
    stop,
    hold: (taken) => {
      stop()
      return concat([sink.unread(taken), rest])
    },
    release: () => void run(round),
  }
}

/** Through shared memory. */
export function ringSink(ring: StdinRing, control: ControlBlock): InputSink {
  const until = async (isReady: () => boolean) => {
    while (!isReady()) {
      const since = ring.signals
      if (ring.isFull) ring.setStarved(true)
      // The guest may have asked, or made room, before it could see that somebody waits.
      if (!isReady()) await ring.nextSignal(since)
      ring.setStarved(false)
    }
  }
  return {
    wanted: () => until(() => ring.wanted && !ring.isFull),
    room: () => until(() => !ring.isFull),
    give: (bytes) => {
      if (bytes.length === 0) ring.end()
      const given = ring.give(bytes)
      control.wake()
      return given
    },
    unread: () => ring.unread(),
  }
}

/** By messages, of which the worker tells which it has received. */
export function postedSink(post: (bytes: Uint8Array) => void) {
  let sent = nothing
  let sentFrom = 0
  let isWanted = false
  let hasGiven = false
  let resolve: (() => void) | undefined
  const wanted = async () => {
    while (!isWanted) {
      await new Promise<void>((done) => {
        resolve = done
      })
    }
  }
  return {
    /** The worker has received so many bytes, and wants more or not. */
    told(received: number, wanted: boolean): void {
      sent = sent.subarray(Math.min(received - sentFrom, sent.length))
      sentFrom = received
      isWanted = wanted && sent.length === 0
      if (isWanted) resolve?.()
    },
    wanted,
    // The first bytes find room whether they are wanted or not.
    room: async () => {
      if (hasGiven) await wanted()
    },
    give: (bytes: Uint8Array) => {
      isWanted = false
      hasGiven = true
      sent = bytes.slice()
      post(sent)
      return bytes.length
    },
    unread: (taken: Uint8Array) => concat([taken, sent]),
  } satisfies InputSink & { told(received: number, wanted: boolean): void }
}

const nothing: Uint8Array = new Uint8Array(0)
