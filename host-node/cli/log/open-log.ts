import { setTimeout as delay } from 'node:timers/promises'
import { listSessions } from '../../../runtime/store/checkpoints.ts'
import { findSessionLog, type SessionLog } from '../../../runtime/store/session-log.ts'
import type { LockOwner, Store } from '../../../runtime/store/store.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { unknownSession } from '../look-up.ts'

/** A session's log and who runs the session now, if anybody. */
export interface FoundLog {
  readonly log: SessionLog
  readonly owner: LockOwner | undefined
}

/** Milliseconds between two looks for a log that is not there yet. */
const pause = 200

/**
 * With `waits`, a session that runs and has no log yet is waited for. Throws STASIS_SESSION_UNKNOWN, STASIS_LOG_NONE,
 * STASIS_LOG_RUN.
 */
export async function openLog(store: Store, session: string, run?: string, waits = false): Promise<FoundLog> {
  // Before the log is read: what it has when nobody runs the session is all.
  let owner = (await store.owners()).get(session)
  let log = await findSessionLog(store, session, run)
  while (waits && log === undefined && owner !== undefined) {
    await delay(pause)
    owner = (await store.owners()).get(session)
    log = await findSessionLog(store, session, run)
  }
  if (log !== undefined) return { log, owner }
  const sessions = await listSessions(store)
  if (!sessions.some(({ name }) => name === session)) throw unknownSession(session, sessions)
  const message =
    owner === undefined
      ? `The session ${session} has no call log: it was run without one.`
      : `The session ${session} has no call log yet, or is run without one.`
  throw new StasisError('STASIS_LOG_NONE', message, { name: session })
}
