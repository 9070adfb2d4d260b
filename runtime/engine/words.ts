/** Growable list of 32-bit words: what handlers save values into. */
export class WordList {
  #words = new Uint32Array(1024)
  length = 0

  push(word: number): void {
    if (this.length === this.#words.length) {
      const larger = new Uint32Array(this.length * 2)
      larger.set(this.#words)
      this.#words = larger
    }
    this.#words[this.length++] = word
  }

  slice(start: number, end: number): Uint32Array {
    return this.#words.slice(start, end)
  }

  clear(): void {
    this.length = 0
  }
}
