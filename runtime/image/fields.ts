/**
 * Reads a decoded CBOR map field by field: every field is checked for type and range, and fields that nobody asked for
 * are refused. Failures go to `fail`, which throws.
 */
export class Fields {
  readonly #map: ReadonlyMap<unknown, unknown>
  readonly #path: string
  readonly #fail: (message: string) => never
  readonly #seen = new Set<string>()

  constructor(value: unknown, path: string, fail: (message: string) => never) {
    this.#path = path
    this.#fail = fail
    this.#map = value instanceof Map ? value : fail(`${path || 'the manifest'} is not a map`)
  }

  #name(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`
  }

  #take(key: string): unknown {
    this.#seen.add(key)
    if (!this.#map.has(key)) this.#fail(`the field ${this.#name(key)} is missing`)
    return this.#map.get(key)
  }

  has(key: string): boolean {
    return this.#map.has(key)
  }

  text(key: string, maxLength: number): string {
    const value = this.#take(key)
    if (typeof value === 'string' && value.length <= maxLength) return value
    return this.#fail(`the field ${this.#name(key)} is not a text of at most ${maxLength} characters`)
  }

  /** A whole number from 0 to `max`. */
  integer(key: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(key)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max) return value
    return this.#fail(`the field ${this.#name(key)} is not a whole number from 0 to ${max}`)
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T {
    const value = this.#take(key)
    const found = choices.find((choice) => choice === value)
    return found ?? this.#fail(`the field ${this.#name(key)} is none of ${choices.join(', ')}`)
  }

  map<T>(key: string, read: (fields: Fields) => T): T {
    const fields = new Fields(this.#take(key), this.#name(key), this.#fail)
    const result = read(fields)
    fields.end()
    return result
  }

  list<T>(key: string, maxLength: number, read: (fields: Fields) => T): readonly T[] {
    const value = this.#take(key)
    if (!Array.isArray(value) || value.length > maxLength) {
      return this.#fail(`the field ${this.#name(key)} is not a list of at most ${maxLength} entries`)
    }
    return value.map((item: unknown, index) => {
      const fields = new Fields(item, `${this.#name(key)}[${index}]`, this.#fail)
      const result = read(fields)
      fields.end()
      return result
    })
  }

  /** Refuses fields that were not read. */
  end(): void {
    for (const key of this.#map.keys()) {
      if (typeof key !== 'string' || !this.#seen.has(key)) this.#fail(`the field ${this.#name(String(key))} is unknown`)
    }
  }
}
