import { StasisError } from '../../wasm-shim/errors.ts'

/**
 * A frame of a continuation is baseline code at first and takes 0.1 to 5 KB of stack; hosts give the guest's thread
 * enough for this many.
 */
export const defaultMaxDepth = 10_000

/** V8's setting of how many frames an error's stack has; other engines have none, and there nothing is refused. */
interface StackTraces {
  stackTraceLimit?: number
}

/**
 * The refusal (D5) of a stack with more than `limit` frames, counted before anything is unwound, since afterwards the
 * guest could not go on either. Half a microsecond a frame.
 */
export function tooDeep(limit: number): StasisError | undefined {
  const traces = Error as StackTraces
  const before = traces.stackTraceLimit
  if (before === undefined) return undefined
  traces.stackTraceLimit = limit + 1
  const depth = (new Error().stack ?? '').split('\n').length - 1
  traces.stackTraceLimit = before
  if (depth <= limit) return undefined
  return new StasisError(
    'STASIS_CAPTURE_DEPTH',
    `No checkpoint can be taken now: the guest's stack has more than ${limit} frames, which could not be resumed. Take it when the recursion has returned.`,
    { limit },
  )
}
