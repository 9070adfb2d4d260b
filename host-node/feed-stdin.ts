import type { Readable } from 'node:stream'
import type { ControlBlock } from '../runtime/session/control-block.ts'
import type { StdinRing } from './stdin-ring.ts'

export interface StdinFeedOptions {
  /** Bytes that come before those of the stream: what an earlier part of the session had fed and not read. */
  readonly first?: Uint8Array
}

export interface StdinFeed {
  /**
   * Leaves the stream alone from now on and returns what was taken from it and not read by the guest, which must be at
   * rest: for the session to keep and to feed first when it goes on.
   */
  stop(): Uint8Array
}

const nothing = new Uint8Array(0)

/**
 * Brings a stream's bytes into the ring, on the thread that serves people. Nothing is read, and `open` is not called,
 * before the guest asks for input. At most one chunk of the stream waits outside the ring. An error of the stream is
 * its end.
 */
export function feedStdin(
  ring: StdinRing,
  control: ControlBlock,
  open: Readable | (() => Readable),
  options: StdinFeedOptions = {},
): StdinFeed {
  let stopped = false
  let stream: Readable | undefined
  let rest = options.first ?? nothing

  const deliver = async () => {
    while (rest.length > 0 && !stopped) {
      const since = ring.signals
      const given = ring.give(rest)
      rest = rest.subarray(given)
      if (given > 0) {
        control.wake()
        continue
      }
      ring.setStarved(true)
      // The guest may have made room before it could see that somebody waits for it.
      if (ring.give(rest.subarray(0, 1)) === 0) await ring.nextSignal(since)
      else {
        rest = rest.subarray(1)
        control.wake()
      }
      ring.setStarved(false)
    }
  }

  const onData = (chunk: Uint8Array | string) => {
    rest = toBytes(chunk)
    stream?.pause()
    void deliver().then(() => {
      if (!stopped) stream?.resume()
    })
  }
  const onEnd = () => {
    if (stopped) return
    ring.end()
    control.wake()
  }

  const run = async () => {
    while (!ring.wanted && !stopped) {
      const since = ring.signals
      if (!ring.wanted) await ring.nextSignal(since)
    }
    await deliver()
    if (stopped) return
    stream = typeof open === 'function' ? open() : open
    stream.on('data', onData).on('end', onEnd).on('error', onEnd).on('close', onEnd)
    if (stream.destroyed || stream.readableEnded) onEnd()
  }
  void run()

  return {
    stop: () => {
      stopped = true
      ring.signal()
      stream?.off('data', onData).off('end', onEnd).off('close', onEnd).pause()
      // Node reads ahead. Taking it from the stream may make it read one chunk more, which only a further feed sees.
      const ahead = stream !== undefined && stream.readableLength > 0 ? toBytes(stream.read()) : nothing
      return concat([ring.unread(), rest, ahead])
    },
  }
}

function toBytes(chunk: Uint8Array | string | null): Uint8Array {
  return typeof chunk === 'string' ? new TextEncoder().encode(chunk) : (chunk ?? nothing)
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
