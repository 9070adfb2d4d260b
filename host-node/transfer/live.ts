import type { Store } from '../../runtime/store/store.ts'
import type { LiveSession } from '../../runtime/transfer/send-session.ts'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { controlPath } from '../control/address.ts'
import { askStatus, control } from '../control/client.ts'

/**
 * A session that a process of this machine runs, as `sendSession` needs it; undefined where none does. `movesTo`: for
 * people. `withFiles`: its checkpoints are to be gone on from elsewhere, and carry files where these are not too large.
 */
export async function findLive(
  store: Store,
  storeId: string,
  session: string,
  movesTo: string,
  withFiles = false,
): Promise<LiveSession | undefined> {
  const owner = (await store.owners()).get(session)
  if (owner === undefined) return undefined
  if ((await askStatus(controlPath(storeId, session))) === undefined) {
    const message = `${session} is held by process ${owner.pid} on ${owner.host}, which cannot be asked for a checkpoint. Stop it there, then try again.`
    throw new StasisError('STASIS_SESSION_BUSY', message, { session, pid: owner.pid, host: owner.host })
  }
  const stop = async (byLog: boolean) => {
    const { version } = await control(storeId, session, 'checkpoint', { stop: true, byLog, movesTo })
    // By its log alone, it has released the lock before it answers.
    if (!byLog || version !== undefined) await released(store, session)
  }
  const take = async (files: boolean) =>
    void (await control(storeId, session, 'checkpoint', { stop: false, keyframe: true, ...(files && { files }) }))
  return {
    checkpoint: (needsFiles = false) =>
      take(needsFiles || withFiles).catch((error) => {
        if (needsFiles || !isStasisError(error) || error.code !== 'STASIS_FILES_TOO_LARGE') throw error
        return take(false)
      }),
    stop: () => stop(false),
    stopByLog: () => stop(true),
  }
}

/** Milliseconds a process may take from its answer to its end. */
const patience = 10_000

async function released(store: Store, session: string): Promise<void> {
  for (const deadline = Date.now() + patience; Date.now() < deadline; ) {
    if (!(await store.owners()).has(session)) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
