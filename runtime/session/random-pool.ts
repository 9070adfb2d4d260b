/** Drawing a few bytes costs as much as drawing some thousand. */
const poolSize = 4096

/** Random bytes drawn ahead by `fill`. What was handed out is erased from the pool. */
export function pooledRandom(fill: (pool: Uint8Array<ArrayBuffer>) => void): (target: Uint8Array) => void {
  const pool = new Uint8Array(poolSize)
  let used = poolSize
  return (target) => {
    for (let done = 0; done < target.length; ) {
      if (used === poolSize) {
        fill(pool)
        used = 0
      }
      const length = Math.min(poolSize - used, target.length - done)
      const part = pool.subarray(used, used + length)
      target.set(part, done)
      part.fill(0)
      used += length
      done += length
    }
  }
}
