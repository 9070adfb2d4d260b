/** Larger sizes are counted as this one. */
const largest = 65_535

/** How often each size occurs, so that quantiles are exact. */
export class SizeHistogram {
  readonly #counts = new Float64Array(largest + 1)
  #total = 0

  /** `size` is a whole number from 0. */
  add(size: number): void {
    this.#counts[size < largest ? size : largest]!++
    this.#total++
  }

  /** The smallest size that at least this part of all do not exceed; 0 where there are none. */
  quantile(part: number): number {
    let left = Math.ceil(this.#total * part)
    for (let size = 0; size <= largest; size++) {
      left -= this.#counts[size]!
      if (left <= 0) return size
    }
    return largest
  }
}
