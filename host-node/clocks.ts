import { performance } from 'node:perf_hooks'
import type { HostClocks } from '../wasm-shim/wasi/host.ts'

const nanosecondsPerMillisecond = 1_000_000n
/** How often the wall clock is compared, hence how late its being set is noticed. */
const comparedEvery = 100n * nanosecondsPerMillisecond
/** Date.now counts whole milliseconds; what differs by more was set, or the machine slept. */
const tolerated = 2n * nanosecondsPerMillisecond

/**
 * Node's wall clocks are slow to read (Date.now) or ignore that it was set (performance). Realtime is therefore the
 * monotonic clock plus an offset, which is checked against Date.now at most every 100 ms.
 */
export function createClocks(): HostClocks {
  const monotonic = process.hrtime.bigint
  // Whole milliseconds and their fraction apart: as one double, nanoseconds since 1970 would be rounded to 256.
  const started = performance.timeOrigin
  const wholeStart = BigInt(Math.floor(started)) * nanosecondsPerMillisecond
  const fraction = BigInt(Math.round((started % 1) * 1e6))
  let offset = wholeStart + fraction + BigInt(Math.round(performance.now() * 1e6)) - monotonic()
  let compareAt = 0n

  const compare = (now: bigint) => {
    compareAt = now + comparedEvery
    const wall = BigInt(Date.now()) * nanosecondsPerMillisecond
    const difference = now + offset - wall
    if (difference > tolerated || difference < -tolerated) offset = wall - now
  }

  return {
    realtime: () => {
      const now = monotonic()
      if (now >= compareAt) compare(now)
      return now + offset
    },
    monotonic,
    cpuTime: () => {
      const { user, system } = process.cpuUsage()
      return BigInt(user + system) * 1000n
    },
    resolution: () => 1n,
  }
}
