/** The first and the last of many numbers. */
export class CallNumbers {
  readonly first: number[] = []
  highest = -1
  readonly #most: number
  readonly #ring: number[] = []
  #count = 0

  /** `most`: how many at each end. */
  constructor(most: number) {
    this.#most = most
  }

  /** Numbers come in order; one that comes again, because its call was made again, counts once. */
  add(number: number): void {
    if (number > this.highest) this.highest = number
    else return
    if (this.first.length < this.#most) this.first.push(number)
    else this.#ring[this.#count++ % this.#most] = number
  }

  /** Those that are not among the first, ascending. */
  get last(): readonly number[] {
    return [...this.#ring].sort((a, b) => a - b)
  }
}
