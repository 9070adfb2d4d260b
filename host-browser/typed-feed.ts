import { concat } from '../wasm-shim/bytes/arrays.ts'
import type { InputFeed, InputSink } from './input-feed.ts'

/** More is taken from the stream while so many bytes wait to be given. A pipe's capacity on Linux. */
const enough = 65536

/**
 * Brings what a person types to the guest's stdin: it is taken from the stream at once, asked for or not, and given when
 * `keep` has resolved. An error of the stream is its end.
 */
export function feedTyped(
  stream: ReadableStream<Uint8Array>,
  sink: InputSink,
  keep: (bytes: Uint8Array) => Promise<void>,
): InputFeed {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  /** Taken, and not given; of these so many bytes are kept. */
  let waiting = nothing
  let kept = 0
  let hasEnded = false
  /** Grows with `hold`, so that loops from before it end. */
  let round = 0
  const listeners: (() => void)[] = []
  const changed = () => new Promise<void>((resolve) => listeners.push(resolve))
  const tell = () => {
    for (const listener of listeners.splice(0)) listener()
  }

  const take = async (own: number) => {
    while (own === round && !hasEnded) {
      if (waiting.length >= enough) {
        await changed()
        continue
      }
      reader ??= stream.getReader()
      const chunk = await reader.read().catch(() => undefined)
      // What came with the last moment is not to be lost, whoever goes on.
      if (own !== round && chunk?.value === undefined) return
      if (chunk?.value === undefined) hasEnded = true
      else {
        waiting = concat([waiting, chunk.value])
        await keep(chunk.value)
        kept += chunk.value.length
      }
      tell()
    }
  }

  const give = async (own: number) => {
    while (own === round) {
      if (kept > 0) {
        await sink.room()
        if (own !== round) return
        const given = sink.give(waiting.subarray(0, kept))
        waiting = waiting.subarray(given)
        kept -= given
        tell()
      } else if (hasEnded) {
        sink.give(nothing)
        return
      } else await changed()
    }
  }

  const run = () => {
    void take(round)
    void give(round)
  }
  run()

  const stop = () => {
    round++
    // A read that is under way is taken back: its bytes stay in the stream.
    reader?.releaseLock()
    reader = undefined
    tell()
  }
  return {
    stop,
    hold: (taken) => {
      stop()
      return concat([sink.unread(taken), waiting])
    },
    release: run,
  }
}

const nothing: Uint8Array = new Uint8Array(0)
