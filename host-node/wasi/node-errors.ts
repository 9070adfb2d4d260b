/** The errors that node:wasi throws: same class, `code` and message, so that callers who look at them need no change. */
import { inspect } from 'node:util'

type Coded = Error & { code: string }

/** The code stands in the stack and in `toString`, while `name` itself stays the class's. */
function coded(error: Error, code: string): Coded {
  const { name } = error
  error.name = `${name} [${code}]`
  // Its first line is made of the name as it is now.
  Error.captureStackTrace(error, coded)
  void error.stack
  Reflect.deleteProperty(error, 'name')
  const text = `${name} [${code}]: ${error.message}`
  Object.defineProperty(error, 'toString', { value: () => text, enumerable: false, configurable: true, writable: true })
  return Object.assign(error, { code })
}

/** 'argument' for a name of its own, 'property' for one inside of an object. */
const kindOf = (name: string): string => (name.includes('.') ? 'property' : 'argument')

export function invalidArgType(name: string, expected: string, actual: unknown): Coded {
  const message = `The "${name}" ${kindOf(name)} must be ${expected}. Received ${received(actual)}`
  return coded(new TypeError(message), 'ERR_INVALID_ARG_TYPE')
}

export function invalidArgValue(name: string, value: unknown, reason: string): Coded {
  const shown = inspect(value)
  const cut = shown.length > 128 ? `${shown.slice(0, 128)}...` : shown
  return coded(new TypeError(`The ${kindOf(name)} '${name}' ${reason}. Received ${cut}`), 'ERR_INVALID_ARG_VALUE')
}

export function outOfRange(name: string, range: string, actual: number): Coded {
  const shown = Number.isInteger(actual) && Math.abs(actual) > 2 ** 32 ? grouped(String(actual)) : inspect(actual)
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${shown}`
  return coded(new RangeError(message), 'ERR_OUT_OF_RANGE')
}

export const alreadyStarted = (): Coded =>
  coded(new Error('WASI instance has already started'), 'ERR_WASI_ALREADY_STARTED')

export const notStarted = (): Coded =>
  Object.assign(new Error('wasi.start() has not been called'), { code: 'ERR_WASI_NOT_STARTED' })

export const noMemory = (): Coded =>
  Object.assign(new TypeError('"instance.exports.memory" property must be a WebAssembly.Memory object'), {
    code: 'ERR_INVALID_ARG_TYPE',
  })

/** What the constructor throws where a directory or a descriptor cannot be used; the message says which. */
export function initFailed(errno: number, name: string, what: string, cause: unknown): Coded {
  const code = `UVWASI_${name}`
  return Object.assign(new Error(`${code}, uvwasi_init: ${what}`, { cause }), { errno, code, syscall: 'uvwasi_init' })
}

function received(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'object') {
    const name: unknown = value.constructor?.name
    return typeof name === 'string' && name !== '' ? `an instance of ${name}` : inspect(value, { depth: -1 })
  }
  if (typeof value === 'string') {
    const cut = value.length > 28 ? `${value.slice(0, 25)}...` : value
    return `type string (${cut.includes("'") ? JSON.stringify(cut) : `'${cut}'`})`
  }
  return `type ${typeof value} (${inspect(value)})`
}

/** 9007199254740992 as 9_007_199_254_740_992. */
function grouped(digits: string): string {
  let end = digits.length
  let text = ''
  const first = digits.startsWith('-') ? 1 : 0
  for (; end >= first + 4; end -= 3) text = `_${digits.slice(end - 3, end)}${text}`
  return digits.slice(0, end) + text
}
