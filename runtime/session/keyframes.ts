import type { ControlBlock } from './control-block.ts'
import type { Session } from './session.ts'

/** Milliseconds between looks at the guest. */
const tick = 250

/**
 * Takes a checkpoint whenever the guest has worked for `maxRecovery` milliseconds since the last one: so long it would
 * take at most to do it again by the log. Sleeping does not count, since a replay does not sleep. Returns what ends it.
 */
export function takeKeyframes(
  session: Session,
  control: ControlBlock,
  maxRecovery: number,
  every: (milliseconds: number, look: () => void) => () => void,
): () => void {
  const period = Math.min(tick, maxRecovery)
  let worked = 0
  let isTaking = false
  return every(period, () => {
    if (isTaking || control.isAsleep) return
    worked += period
    if (worked < maxRecovery) return
    isTaking = true
    // A refusal is told as an event, and tried again after as much work.
    const done = () => {
      isTaking = false
      worked = 0
    }
    session.checkpoint({ cause: 'keyframe' }).then(done, done)
  })
}
