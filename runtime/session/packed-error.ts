import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'

/** An error on its way between threads, where structured cloning would drop codes, fields and class. */
export interface PackedError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
  readonly fields?: StasisError['fields']
  readonly cause?: PackedError
}

export function packError(error: unknown): PackedError {
  if (error instanceof WebAssembly.Exception)
    return { name: 'RuntimeError', message: 'nobody caught an exception that the program threw' }
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  return {
    name: error.name,
    message: error.message,
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(isStasisError(error) && { code: error.code, fields: error.fields }),
    ...(error.cause instanceof Error && { cause: packError(error.cause) }),
  }
}

export function unpackError(packed: PackedError): Error {
  const { name, message, stack, code, fields } = packed
  const options = packed.cause === undefined ? undefined : { cause: unpackError(packed.cause) }
  const error = code === undefined ? new Error(message, options) : new StasisError(code, message, fields, options)
  error.name = name
  if (stack !== undefined) error.stack = stack
  return error
}

/** The guest trapped. `frames` are its functions from the innermost outwards, as far as the engine names them. */
export class TrapError extends StasisError {
  readonly frames: readonly string[]

  constructor(cause: Error) {
    super('STASIS_TRAP', cause.message, {}, { cause })
    this.frames = wasmFrames(cause.stack ?? '')
  }
}

/** Function names out of V8's form ("at name (wasm://...)") and SpiderMonkey's ("name@...wasm-function[7]:0x2a"). */
export function wasmFrames(stack: string): readonly string[] {
  return stack.split('\n').flatMap((line) => {
    if (!line.includes('wasm://') && !line.includes('wasm-function[')) return []
    const name = /^\s*at (?:async )?(.+?) \(/.exec(line)?.[1] ?? /^([^@]*)@/.exec(line)?.[1]
    return [name || (/wasm-function\[\d+\]/.exec(line)?.[0] ?? '(unnamed)')]
  })
}

/** The guest's functions at the call where a replay failed. */
export function withFrames(error: StasisError): StasisError {
  const frames = wasmFrames(error.stack ?? '')
  if (frames.length === 0) return error
  const { code, message, fields } = error
  return new StasisError(code, message, { ...fields, stack: frames.join('\n') }, { cause: error })
}

/** InternalError: a stack that overflowed, in Firefox. */
const traps: ReadonlySet<string> = new Set(['RuntimeError', 'RangeError', 'InternalError'])

/** The error that ended a guest: a TrapError where the engine reports a trap. */
export function trapOf(error: Error): Error {
  return traps.has(error.name) ? new TrapError(error) : error
}
