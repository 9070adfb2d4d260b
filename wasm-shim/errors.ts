const brand = Symbol.for('stasis.error')

/**
 * The one error class of the project: a sentence with cause and remedy for people, a stable `code` for programs, and
 * `fields` (byte offsets, call numbers, names) for both. Branded by a registered symbol, so that it is recognised
 * across a second copy of the library and after a worker boundary.
 */
export class StasisError extends Error {
  readonly code: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
  readonly [brand] = true

  constructor(
    code: string,
    message: string,
    fields: Readonly<Record<string, string | number | boolean>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = 'StasisError'
    this.code = code
    this.fields = fields
  }
}

export function isStasisError(value: unknown): value is StasisError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
}

/** A broken promise of our own code: never caused by input. On in production. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition)
    throw new StasisError('STASIS_INVARIANT', `Internal invariant broken: ${message}. Please report this.`)
}
