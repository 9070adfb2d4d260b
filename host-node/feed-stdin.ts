import type { Readable } from 'node:stream'
import type { ControlBlock } from '../runtime/session/control-block.ts'
import type { StdinRing } from '../runtime/session/stdin-ring.ts'
import { concat } from '../wasm-shim/bytes/arrays.ts'

export interface StdinFeed {
  /**
   * Leaves the stream alone from now on and returns a copy of what was taken from it and not read by the guest, which
   * must be at rest: for the checkpoint that stops the session.
   */
  hold(): Uint8Array
  /** Goes on after `hold`. */
  release(): void
  /** Leaves the stream alone for ever. */
  stop(): void
}

const nothing = new Uint8Array(0)

/**
 * Brings a stream's bytes into the ring, on the thread that serves people. Nothing is read, and `open` is not called,
 * before the guest asks for input. At most one chunk of the stream waits outside the ring. An error of the stream is
 * its end.
 */
export function feedStdin(ring: StdinRing, control: ControlBlock, open: Readable | (() => Readable)): StdinFeed {
  let isHeld = false
  let isDelivering = false
  let hasEnded = false
  let stream: Readable | undefined
  let rest: Uint8Array = nothing

  /** Brings what was taken into the ring, and then takes more. */
  const deliver = async () => {
    if (isDelivering) return
    isDelivering = true
    while (rest.length > 0 && !isHeld) {
      const since = ring.signals
      if (giveSome(rest.length)) continue
      ring.setStarved(true)
      // The guest may have made room before it could see that somebody waits for it.
      if (!giveSome(1)) await ring.nextSignal(since)
      ring.setStarved(false)
    }
    isDelivering = false
    if (isHeld) return
    if (hasEnded) end()
    else stream?.resume()
  }
  const giveSome = (most: number): boolean => {
    const given = ring.give(rest.subarray(0, most))
    rest = rest.subarray(given)
    if (given > 0) control.wake()
    return given > 0
  }

  const onData = (chunk: Uint8Array | string) => {
    rest = toBytes(chunk)
    stream?.pause()
    void deliver()
  }
  const onEnd = () => {
    hasEnded = true
    if (!isHeld && !isDelivering) end()
  }
  const end = () => {
    ring.end()
    control.wake()
  }

  const start = async () => {
    while (!ring.wanted) {
      const since = ring.signals
      if (!ring.wanted) await ring.nextSignal(since)
    }
    if (isHeld || stream !== undefined) return
    stream = typeof open === 'function' ? open() : open
    stream.on('data', onData).on('end', onEnd).on('error', onEnd).on('close', onEnd)
    // An earlier session of this process may have left it alone.
    if (stream.isPaused()) stream.resume()
    if (stream.destroyed || stream.readableEnded) onEnd()
  }
  void start()

  const stop = () => {
    isHeld = true
    ring.signal()
    stream?.off('data', onData).off('end', onEnd).off('close', onEnd).pause()
  }

  return {
    stop,
    hold: () => {
      stop()
      // Node reads ahead. Taking it from the stream may make it read one chunk more, which then waits there.
      if (stream !== undefined && stream.readableLength > 0) rest = concat([rest, toBytes(stream.read())])
      return concat([ring.unread(), rest])
    },
    release: () => {
      isHeld = false
      if (stream === undefined) {
        void start()
        return
      }
      stream.on('data', onData).on('end', onEnd).on('close', onEnd)
      if (stream.destroyed || stream.readableEnded) hasEnded = true
      void deliver()
    },
  }
}

function toBytes(chunk: Uint8Array | string | null): Uint8Array {
  return typeof chunk === 'string' ? new TextEncoder().encode(chunk) : (chunk ?? nothing)
}
