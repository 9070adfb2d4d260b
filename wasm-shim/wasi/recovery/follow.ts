import type { KernelState } from '../state.ts'

/**
 * Changes the state by a call that has succeeded, as `apply` does: given its arguments as words, two a wasm parameter, and
 * `results` from index `at` on.
 */
export type Follower = (words: Int32Array, results: Int32Array, at: number) => void

/** The effect of calls that programs make in loops, in so few steps that a replay outruns a host that only looks at its clock. */
export function followerOf(state: KernelState, name: string): Follower | undefined {
  switch (name) {
    case 'clock_time_get': {
      const { clocks } = state
      const halves = new Int32Array(clocks.buffer, clocks.byteOffset, clocks.length * 2)
      return (words, results, at) => {
        const id = words[0]! * 2
        halves[id] = results[at]!
        halves[id + 1] = results[at + 1]!
      }
    }
    case 'fd_seek':
      return (words, results, at) => {
        const descriptor = state.fds[words[0]! >>> 0]
        const offset = (results[at]! >>> 0) + (results[at + 1]! >>> 0) * 0x1_0000_0000
        if (descriptor?.kind === 'file') descriptor.offset = offset
      }
    default:
      return undefined
  }
}
