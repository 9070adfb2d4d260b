import { listSessions } from '../../runtime/store/checkpoints.ts'
import { type Lease, refusal } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import { folderBlobs } from '../../runtime/transfer/session-blobs.ts'
import { StasisError } from '../../wasm-shim/errors.ts'

/** How many names a message lists. */
const listed = 20

/** Why a session that the server has does not run there, in words for people elsewhere. */
export function refusalThere(session: string, lease: Lease): StasisError {
  const { code, fields, message } = refusal(session, lease)
  const at = lease.peer === '' ? 'elsewhere' : `at ${lease.peer}`
  const texts: Partial<Record<Lease['state'], string>> = {
    copy: `The server has a copy of ${session}, which does not run; the right to run it is ${at}. From there "stasis migrate" brings it.`,
    moved: `${session} has moved from the server, and is ${at} now.`,
  }
  return new StasisError(code, texts[lease.state] ?? `On the server: ${message}`, fields)
}

/** Throws STASIS_SESSION_UNKNOWN, with the sessions that there are. */
export async function checkKnown(store: Store, session: string): Promise<void> {
  if ((await folderBlobs(store, session)).length > 0) return
  const names = (await listSessions(store)).map(({ name }) => name)
  const more = names.length > listed ? ` and ${names.length - listed} more` : ''
  const there = names.length === 0 ? 'It has none.' : `It has: ${names.slice(0, listed).join(', ')}${more}.`
  throw new StasisError('STASIS_SESSION_UNKNOWN', `The server has no session named ${session}. ${there}`, { session })
}
