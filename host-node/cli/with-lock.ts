import type { Store } from '../../runtime/store/store.ts'

/** Does something with a session that is not running. Throws STASIS_SESSION_BUSY. */
export async function withLock<T>(store: Store, session: string, use: () => Promise<T>): Promise<T> {
  const lock = await store.lock(session)
  try {
    return await use()
  } finally {
    await lock.release()
  }
}
