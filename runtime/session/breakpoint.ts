import { WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import type { Interceptor } from '../intercept/interceptor.ts'
import type { CaptureDecider } from './triggers.ts'

/**
 * Lets the first call, from number `from` on, of a function that `pattern` means give way to a checkpoint: `fd_write`, or
 * the beginning of names and `*`.
 */
export function breakBefore(pattern: string, from: number, decider: CaptureDecider): Interceptor {
  const matches = (name: string) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)
  return (next, { name }) => {
    if (!matches(name)) return next
    return (...args) => {
      // The call being made is counted already.
      if (decider.calls <= from) return next(...args)
      decider.giveWay('replay')
      throw new WaitInterrupted()
    }
  }
}
