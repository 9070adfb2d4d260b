import type { Session } from '../../runtime/session/session.ts'
import type { CheckpointParams, CheckpointResult } from './protocol.ts'

/** What is needed of a running session: Session has it. */
export type Stoppable = Pick<Session, 'name' | 'checkpoint'> &
  Partial<Pick<Session, 'engine' | 'stop' | 'stopByLog' | 'hurry'>>

export const isLogOnly = (session: Stoppable | undefined): boolean => session?.engine === 'log-only'

/** What a running session answers to `stasis checkpoint` and `stasis migrate`. */
export async function answerCheckpoint(
  session: Stoppable,
  { stop, label, keyframe = false, files, byLog = false }: CheckpointParams,
  resume: readonly string[],
): Promise<CheckpointResult> {
  if (stop && isLogOnly(session)) return stopByLog(session, resume)
  if (stop && byLog && session.stopByLog !== undefined) return stopAtCall(session, resume)
  const noted = {
    ...(label !== undefined && { label }),
    ...(keyframe && { cause: 'keyframe' }),
    ...(files !== undefined && { files }),
  }
  const { version, size } = await session.checkpoint({ stop, ...noted })
  return { name: session.name, version, size, stopped: stop, resume }
}

/** Milliseconds for a guest to make a call before it is stopped anywhere, with a checkpoint. */
const callPatience = 250

/** Stops a session where its log is enough to go on, if it makes a call soon. */
async function stopAtCall(session: Stoppable, resume: readonly string[]): Promise<CheckpointResult> {
  const timer = setTimeout(() => session.hurry?.(), callPatience)
  try {
    const outcome = await session.stopByLog?.()
    const common = { name: session.name, stopped: true, resume }
    if (outcome?.kind === 'stopped') return { ...common, calls: outcome.calls }
    if (outcome?.kind !== 'suspended') return common
    const { version, size } = outcome.checkpoint
    return { ...common, version, size }
  } finally {
    clearTimeout(timer)
  }
}

/** Stops a session that has no checkpoints. */
async function stopByLog(session: Stoppable, resume: readonly string[]): Promise<CheckpointResult> {
  const outcome = await session.stop?.()
  return { name: session.name, stopped: true, resume, ...(outcome?.kind === 'stopped' && { calls: outcome.calls }) }
}
