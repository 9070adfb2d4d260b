import { StasisError } from '../../wasm-shim/errors.ts'

/**
 * Bytes of stack that must be free for a capture, when the host does not say otherwise: two thirds of the megabyte that
 * browsers give. A continuation starts in baseline code, whose frames can be several times as large as those it replaces.
 */
export const defaultStackReserve = 640 * 1024

/** Arguments that go to the stack whether the callee looks at them or not, in every engine and tier. */
const values = new Array<number>(4096).fill(0)
const bytesPerCall = values.length * 8

let left = 0

function probe(): void {
  if (left-- > 0) Reflect.apply(probe, undefined, values)
}

const isFree = (bytes: number): boolean => {
  left = Math.ceil(bytes / bytesPerCall)
  try {
    probe()
    return true
  } catch {
    return false
  }
}

/** Stacks larger than this are not told apart. */
const mostMeasured = 16 * 1024 * 1024

/**
 * The reserve for a thread whose stack is all free now, and of a size that nobody tells: Chromium gives its workers 0.5 MB,
 * Firefox 0.75. What is in use may become 2.6 times as large as continuations.
 */
export function measuredReserve(): number {
  let free = 0
  let beyond = mostMeasured
  while (beyond - free > bytesPerCall) {
    const middle = (free + beyond) / 2
    if (isFree(middle)) free = middle
    else beyond = middle
  }
  return Math.floor(free * (1 - 1 / 2.6))
}

/**
 * The refusal (D5) of a stack that could not be resumed, found before anything is unwound, since afterwards the guest
 * could not go on either. Calls with many arguments take a known amount of stack, about 0.1 ms a megabyte; counting the
 * frames of an error's trace takes 30 µs a frame.
 */
export function tooDeep(reserve: number): StasisError | undefined {
  left = Math.ceil(reserve / bytesPerCall)
  try {
    probe()
    return undefined
  } catch (cause) {
    return new StasisError(
      'STASIS_CAPTURE_DEPTH',
      `No checkpoint can be taken now: the guest's recursion leaves less than ${reserve >>> 10} KiB of stack, which resuming it may need. Take it when the recursion has returned.`,
      { reserve },
      { cause },
    )
  }
}
