/** Finds stored pages by checksum: a hash table of page numbers, open addressing, of two pages with one checksum the first. */
export class PageFinder {
  readonly #checksumOf: (page: number) => number
  #slots = new Uint32Array(1024)
  #count = 0

  /** `checksumOf` is asked for pages that were added. */
  constructor(checksumOf: (page: number) => number) {
    this.#checksumOf = checksumOf
  }

  add(checksum: number, page: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#grow()
    const slot = this.#slotOf(checksum)
    if (this.#slots[slot] !== 0) return
    this.#slots[slot] = page
    this.#count++
  }

  /** 0 where there is none. */
  find(checksum: number): number {
    return this.#slots[this.#slotOf(checksum)]!
  }

  #slotOf(checksum: number): number {
    const mask = this.#slots.length - 1
    let slot = Math.imul(checksum, 0x9e3779b1) & mask
    for (let page = this.#slots[slot]!; page !== 0 && this.#checksumOf(page) !== checksum; page = this.#slots[slot]!) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 4)
    for (const page of old) if (page !== 0) this.#slots[this.#slotOf(this.#checksumOf(page))] = page
  }
}
