import { StasisError } from '../../wasm-shim/errors.ts'

const foreign = 0x8000_0000

/** Throws STASIS_CAPTURE_REFERENCE where JavaScript may not read the table. */
function readElement(table: WebAssembly.Table, index: number | bigint): unknown {
  try {
    return table.get(index)
  } catch (cause) {
    throw new StasisError(
      'STASIS_CAPTURE_REFERENCE',
      'A checkpoint cannot hold a table of exceptions that the guest changes.',
      {},
      { cause },
    )
  }
}

/** How a table counts: in BigInt where it is a 64-bit one. */
const indexOf = (table: WebAssembly.Table): ((index: number) => number | bigint) =>
  typeof (table.length as number | bigint) === 'bigint' ? BigInt : Number

/**
 * References as words: 0 for null, function index + 1, or, for what has no name in the module (host objects, functions
 * of other modules), a number that only this engine understands until the next capture.
 */
export class References {
  readonly #functions: WebAssembly.Table
  readonly #count: number
  #indices: Map<unknown, number> | undefined
  #foreign: unknown[] = []

  /** `functions` is the module's table of all functions, of which the first `count` are the guest's. */
  constructor(functions: WebAssembly.Table, count: number) {
    this.#functions = functions
    this.#count = count
  }

  releaseForeign(): void {
    this.#foreign = []
  }

  save(value: unknown, refuse: (error: StasisError) => void): number {
    if (value === null) return 0
    if (typeof value === 'function') {
      const index = this.#indexOf(value)
      if (index !== undefined) return index + 1
    }
    refuse(
      new StasisError(
        'STASIS_CAPTURE_REFERENCE',
        `A checkpoint cannot hold a reference to a host ${typeof value}, which the guest has on its stack, in a global or in a table.`,
      ),
    )
    return (foreign | this.#foreign.push(value)) >>> 0
  }

  load(word: number): unknown {
    if (word === 0) return null
    if (word >= foreign) return this.#foreign[word - foreign - 1]
    if (word > this.#count)
      throw new StasisError(
        'STASIS_STACK_DAMAGED',
        `The checkpoint names function ${word - 1}, but the module has ${this.#count}. It is damaged or belongs to another module.`,
      )
    return this.#functions.get(word - 1)
  }

  /** Throws STASIS_CAPTURE_REFERENCE for an element that cannot be named. */
  saveTable(table: WebAssembly.Table): Uint32Array {
    const index = indexOf(table)
    return Uint32Array.from({ length: Number(table.length) }, (_, i) =>
      this.save(readElement(table, index(i)), (error) => {
        throw error
      }),
    )
  }

  restoreTable(table: WebAssembly.Table, elements: Uint32Array): void {
    const index = indexOf(table)
    const missing = elements.length - Number(table.length)
    if (missing > 0) table.grow(index(missing))
    elements.forEach((word, i) => {
      table.set(index(i), this.load(word))
    })
  }

  #indexOf(func: unknown): number | undefined {
    if (this.#indices === undefined) {
      this.#indices = new Map()
      for (let i = 0; i < this.#count; i++) this.#indices.set(this.#functions.get(i), i)
    }
    return this.#indices.get(func)
  }
}
