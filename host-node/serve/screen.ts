/** What a terminal has shown, as far back as a bound: the last bytes, from the beginning of a line on. */
export class Screen {
  readonly #limit: number
  #parts: Uint8Array[] = []
  #size = 0

  /** Bytes. */
  constructor(limit = 256 * 1024) {
    this.#limit = limit
  }

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice())
    this.#size += bytes.length
    // Cut rarely, since to cut is to copy.
    if (this.#size <= this.#limit * 2) return
    const kept = this.content()
    this.#parts = [kept]
    this.#size = kept.length
  }

  content(): Uint8Array {
    const whole = Buffer.concat(this.#parts)
    if (whole.length <= this.#limit) return new Uint8Array(whole)
    const start = whole.length - this.#limit
    const line = whole.indexOf(10, start)
    // No line break: in the middle of a character is no place to begin either.
    let from = line < 0 ? start : line + 1
    while (line < 0 && from < whole.length && ((whole[from] as number) & 0xc0) === 0x80) from++
    return new Uint8Array(whole.subarray(from))
  }
}
