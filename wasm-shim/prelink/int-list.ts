/** A growable list of 32-bit integers that keeps its storage when cleared: one pass over a module reuses it for every function. */
export class IntList {
  data: Int32Array = new Int32Array(1024)
  length = 0

  push(value: number): number {
    if (this.length === this.data.length) this.#grow(this.length * 2)
    this.data[this.length] = value
    return this.length++
  }

  at(index: number): number {
    return this.data[index] as number
  }

  set(index: number, value: number): void {
    this.data[index] = value
  }

  clear(): void {
    this.length = 0
  }

  #grow(capacity: number): void {
    const larger = new Int32Array(capacity)
    larger.set(this.data)
    this.data = larger
  }
}
