/** Numbers from 0 to below 1, the same for the same seed (mulberry32), so that a failure can be repeated. */
export function seeded(seed: number): () => number {
  const bits = seededBits(seed)
  return () => bits() / 2 ** 32
}

/** Whole numbers from 0 to below `below`. */
export function seededBelow(seed: number): (below: number) => number {
  const bits = seededBits(seed)
  return (below) => bits() % below
}

function seededBits(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
