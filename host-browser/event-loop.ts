import type { EventLoop } from '../runtime/session/turns.ts'
import type { WorkerPort } from './worker-port.ts'

/** Longest timer of a browser is 2^31 - 1 milliseconds. */
const longestTimer = 0x7fff_ffff

/** The event loop of the guest's worker, for guests that give way to it. */
export function createEventLoop(port: WorkerPort): EventLoop & {
  /** The page has taken care of what was sent. */
  roomMade(): void
} {
  const { port1, port2 } = new MessageChannel()
  let next: (() => void) | undefined
  const goOn = () => {
    const then = next
    if (then === undefined || port.isFull) return
    next = undefined
    then()
  }
  port1.onmessage = goOn
  return {
    milliseconds: () => performance.now(),
    // A message of our own comes after those that wait; a timer would come four milliseconds later.
    soon: (then) => {
      next = then
      port2.postMessage(0)
    },
    later: (nanoseconds, then) => {
      const milliseconds = Math.min(Math.ceil(Number(nanoseconds) / 1e6), longestTimer)
      const timer = setTimeout(then, milliseconds)
      return () => clearTimeout(timer)
    },
    resting: (isResting) => port.post('resting', { isResting }),
    roomMade: goOn,
  }
}
