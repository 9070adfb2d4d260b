import { setTimeout as delay } from 'node:timers/promises'
import type { LockOwner, Store } from '../../../runtime/store/store.ts'

/** Milliseconds between two looks at the log, and looks between two at who runs the session. */
const pause = 200
const looksPerOwner = 3

/**
 * Waits a moment and says whether the process that runs the session may still be writing. False for good once it has
 * ended, or `signal` was aborted.
 */
export function followSession(store: Store, session: string, owner: LockOwner | undefined, signal: AbortSignal) {
  let looks = 0
  let isRunning = owner !== undefined
  return async (): Promise<boolean> => {
    if (isRunning) await delay(pause, undefined, { signal }).catch(() => undefined)
    if (isRunning && ++looks % looksPerOwner === 0) {
      const now = (await store.owners()).get(session)
      isRunning = now?.pid === owner?.pid && now?.since === owner?.since
    }
    return isRunning && !signal.aborted
  }
}
