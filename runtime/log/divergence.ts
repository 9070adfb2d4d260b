import { StasisError } from '../../wasm-shim/errors.ts'

/** The first call that is not what the log has. */
export interface Divergence {
  /** Number of the call in the session. */
  readonly call: number
  /** The record and what the program did, each as `formatCall` shows it. */
  readonly expected: string
  readonly actual: string
}

export function divergence({ call, expected, actual }: Divergence): StasisError {
  return new StasisError(
    'STASIS_REPLAY_DIVERGED',
    `The replay differs from the log at call ${call}: expected ${expected}, and the program called ${actual}. ` +
      'Replay the module that was recorded, or go back to an older checkpoint.',
    { call, expected, actual },
  )
}
