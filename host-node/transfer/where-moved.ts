import { setTimeout as sleep } from 'node:timers/promises'
import { loadLease } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'

/** Milliseconds: until whoever stopped the session has its lock, for the hand-over at most, and between two looks. */
const grace = 1000
const patience = 30_000
const interval = 50

/** Where a session is that was stopped to be moved, once that is decided; undefined where it is still this store's. */
export async function whereMoved(store: Store, session: string): Promise<string | undefined> {
  for (const began = Date.now(); ; ) {
    await sleep(interval)
    const lease = await loadLease(store, session).catch(() => undefined)
    if (lease?.state === 'moved') return lease.peer
    const waited = Date.now() - began
    if (waited > patience || (waited > grace && !(await store.owners()).has(session))) return undefined
  }
}
