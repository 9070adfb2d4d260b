const nanosecondsPerMillisecond = 1_000_000n
/** How often the wall clock is compared, hence how late its being set is noticed. */
const comparedEvery = 100n * nanosecondsPerMillisecond
/** A wall clock that counts whole milliseconds; what differs by more was set, or the machine slept. */
const tolerated = 2n * nanosecondsPerMillisecond

/** Nanoseconds since the epoch, of a time in milliseconds: as one double they would be rounded to 256. */
export function nanosecondsOf(milliseconds: number): bigint {
  return BigInt(Math.floor(milliseconds)) * nanosecondsPerMillisecond + BigInt(Math.round((milliseconds % 1) * 1e6))
}

/**
 * Realtime as the monotonic clock plus an offset, which begins so that now is `now`, and is compared with the wall clock
 * (whole milliseconds) at most every 100 ms: clocks that are fast and fine enough often ignore that the time was set.
 */
export function realtimeOf(monotonic: () => bigint, now: bigint, wall: () => number): () => bigint {
  let offset = now - monotonic()
  let compareAt = 0n
  const compare = (at: bigint) => {
    compareAt = at + comparedEvery
    const expected = BigInt(wall()) * nanosecondsPerMillisecond
    const difference = at + offset - expected
    if (difference > tolerated || difference < -tolerated) offset = expected - at
  }
  return () => {
    const at = monotonic()
    if (at >= compareAt) compare(at)
    return at + offset
  }
}
