import { invariant } from '../../wasm-shim/errors.ts'
import type { ContentSource } from '../../wasm-shim/wasi/carried.ts'
import { checksumInSlices } from '../image/checksum.ts'
import { type Body, contentBody } from '../image/encode.ts'

/**
 * Contents of files on their way from the guest's thread into checkpoints. Each is read and handed over once, under a number;
 * as long as the file stays what it is, later checkpoints name the number and nothing else. Both sides forget what the
 * newest checkpoint does not name, so that at most one checkpoint's contents are in memory.
 */
export interface CarriedContent {
  readonly id: number
  /** Bytes of the file. */
  readonly length: number
  /** Filled up with zeros to a multiple of 8; absent where the number was handed over before. */
  readonly bytes?: Uint8Array
}

/**
 * Nanoseconds for which a file must not have been changed when it is read, to be believed the same by its times: file systems
 * count them in steps of up to two seconds, and within one step a change leaves no trace.
 */
const settled = 2_000_000_000n

/** The guest's side. */
export class ContentReader {
  readonly #realtime: () => bigint
  #lastId = 0
  /** Numbers by stamp. */
  #known = new Map<string, number>()

  constructor(realtime: () => bigint) {
    this.#realtime = realtime
  }

  /** Reads what is not known. Every result has to be handed over, in order. */
  read(sources: readonly (Uint8Array | ContentSource)[]): readonly CarriedContent[] {
    const now = this.#realtime()
    const known = new Map<string, number>()
    let last = this.#lastId
    const contents = sources.map((source): CarriedContent => {
      const { length } = source
      const stamp = source instanceof Uint8Array ? undefined : source.stamp
      const before = stamp && this.#known.get(stamp.text)
      const id = before ?? ++last
      if (stamp !== undefined && (before !== undefined || now - stamp.changed >= settled)) known.set(stamp.text, id)
      if (before !== undefined) return { id, length }
      const bytes = new Uint8Array(Math.ceil(length / 8) * 8)
      if (source instanceof Uint8Array) bytes.set(source)
      else source.read(bytes.subarray(0, length))
      return { id, length, bytes }
    })
    // Only now: a file that cannot be read leaves all as it was.
    this.#lastId = last
    this.#known = known
    return contents
  }
}

interface Held {
  readonly bytes: Uint8Array
  readonly length: number
  sum?: Uint8Array
}

/** The session's side. */
export class ContentKeeper {
  #held = new Map<number, Held>()

  /** Has to be called for each message, in order. Returns what makes bodies of their contents, for an image. */
  take(contents: readonly CarriedContent[]): (pause: () => Promise<void>) => Promise<readonly Body[]> {
    const held = contents.map(({ id, length, bytes }) => {
      const found = bytes === undefined ? this.#held.get(id) : { bytes, length }
      return [id, found] as const
    })
    this.#held = new Map(held.flatMap(([id, one]) => (one === undefined ? [] : [[id, one] as const])))
    return async (pause) => {
      const bodies: Body[] = []
      for (const [index, [, one]] of held.entries()) {
        invariant(one !== undefined, 'a content is handed over before it is named')
        one.sum ??= await checksumInSlices(one.bytes.subarray(0, one.length), pause)
        bodies.push(contentBody(index, one.bytes, one.length, one.sum))
      }
      return bodies
    }
  }
}
