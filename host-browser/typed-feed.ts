import { concat } from '../wasm-shim/bytes/arrays.ts'
import type { InputFeed, InputSink } from './input-feed.ts'

/** More is taken from the stream while so many bytes wait to be given. A pipe's capacity on Linux. */
const enough = 65536

/**
 * Brings what a person types to the guest's stdin: it is taken from the stream at once, asked for or not, and given to `keep`
 * before it is given to the guest. An error of the stream is its end.
 */
export function feedTyped(
  stream: ReadableStream<Uint8Array>,
  sink: InputSink,
  keep: (bytes: Uint8Array) => void,
): InputFeed {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  /** Taken, and not given. */
  let waiting = nothing
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
        keep(chunk.value)
        waiting = concat([waiting, chunk.value])
      }
      tell()
    }
  }

  const give = async (own: number) => {
    while (own === round) {
      if (waiting.length > 0) {
        await sink.room()
        if (own !== round) return
        waiting = waiting.subarray(sink.give(waiting))
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
