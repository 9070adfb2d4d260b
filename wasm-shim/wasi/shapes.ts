/** Checks of decoded CBOR that nobody vouches for: a shape returns the value, typed, or throws what is wrong with it. */

/** What is wrong, as a clause: `state.fds[3].offset is not a number from 0 to 31`. */
export class ShapeError extends Error {}

export type Shape<T> = (value: unknown, where: string) => T

export const text: Shape<string> = (value, where) => {
  if (typeof value !== 'string') throw new ShapeError(`${where} is not text`)
  return value
}

export const flag: Shape<boolean> = (value, where) => {
  if (typeof value !== 'boolean') throw new ShapeError(`${where} is neither true nor false`)
  return value
}

export const bytes: Shape<Uint8Array> = (value, where) => {
  if (!(value instanceof Uint8Array)) throw new ShapeError(`${where} is not a byte string`)
  return value
}

/** A number from 0 to `limit`. */
export const natural =
  (limit: number): Shape<number> =>
  (value, where) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > limit) {
      throw new ShapeError(`${where} is not a number from 0 to ${limit}`)
    }
    return value
  }

export const u64: Shape<bigint> = (value, where) => {
  const number = typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
  if (typeof number !== 'bigint' || number < 0n || number >= 1n << 64n)
    throw new ShapeError(`${where} is not a 64-bit number`)
  return number
}

/** The host may know of times before 1970. */
export const time: Shape<bigint> = (value, where) => {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  if (typeof value !== 'bigint') throw new ShapeError(`${where} is not a time`)
  return value
}

export const nullable =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, where) =>
    value === null ? null : shape(value, where)

export const list =
  <T>(shape: Shape<T>): Shape<T[]> =>
  (value, where) => {
    if (!Array.isArray(value)) throw new ShapeError(`${where} is not a list`)
    return value.map((item, index) => shape(item, `${where}[${index}]`))
  }

export const pair: Shape<[string, string]> = (value, where) => {
  const items = list(text)(value, where)
  if (items.length !== 2) throw new ShapeError(`${where} is not a pair`)
  return [items[0]!, items[1]!]
}

export function record<T extends object>(shapes: { readonly [K in keyof T]: Shape<T[K]> }): Shape<T> {
  const names = Object.keys(shapes) as (keyof T & string)[]
  return (value, where) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ShapeError(`${where} is not a map`)
    const given = value as Record<string, unknown>
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(shapes, name))
    if (unknown !== undefined) throw new ShapeError(`${where} has an unknown field "${unknown}"`)
    const missing = names.find((name) => !Object.hasOwn(given, name))
    if (missing !== undefined) throw new ShapeError(`${where} lacks "${missing}"`)
    return Object.fromEntries(names.map((name) => [name, shapes[name](given[name], `${where}.${name}`)])) as T
  }
}

export const one =
  <T extends string>(values: readonly T[]): Shape<T> =>
  (value, where) => {
    const found = values.find((candidate) => candidate === value)
    if (found === undefined) throw new ShapeError(`${where} is none of ${values.join(', ')}`)
    return found
  }

/** A hash of 256 bits as lower-case digits. */
export const hash256: Shape<string> = (value, where) => {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value
  throw new ShapeError(`${where} is not 64 hexadecimal digits`)
}

/** A path as file systems take it: an image must not name a file above its mount. */
export const path: Shape<string> = (value, where) => {
  const given = text(value, where)
  const wrong = given !== '' && given.split('/').some((name) => name === '' || name === '.' || name === '..')
  if (wrong || given.includes('\0')) throw new ShapeError(`${where} is not a normalised path`)
  return given
}
