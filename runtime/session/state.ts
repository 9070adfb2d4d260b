import { invariant } from '../../wasm-shim/errors.ts'

export type SessionState = 'starting' | 'running' | 'checkpointing' | 'suspended' | 'exited' | 'trapped'

/** Where a session can go from each state. From the last three nowhere. */
const transitions: Readonly<Record<SessionState, readonly SessionState[]>> = {
  starting: ['running', 'exited', 'trapped'],
  running: ['checkpointing', 'suspended', 'exited', 'trapped'],
  checkpointing: ['running', 'suspended', 'exited', 'trapped'],
  suspended: [],
  exited: [],
  trapped: [],
}

export function isOver(state: SessionState): boolean {
  return transitions[state].length === 0
}

/** Returns `to`; that it cannot be reached from `from` is a bug. */
export function move(from: SessionState, to: SessionState): SessionState {
  invariant(transitions[from].includes(to), `a session goes from ${from} to ${to}`)
  return to
}
