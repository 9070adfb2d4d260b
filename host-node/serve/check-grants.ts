import type { MountGrant } from '../../runtime/session/messages.ts'
import { loadStart } from '../../runtime/store/start-record.ts'
import type { Store } from '../../runtime/store/store.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { decodeState } from '../../wasm-shim/wasi/saved-state.ts'

/** Before a session is taken to run here. Throws STASIS_MOUNT_NOT_GRANTED, which a restore would. */
export async function checkGrants(view: Store, session: string, grants: readonly MountGrant[]): Promise<void> {
  const start = await loadStart(view, session).catch(() => undefined)
  // Its restore will say it.
  if (start === undefined) return
  const granted = new Set(grants.map(({ guest }) => guest))
  const needed = decodeState(start.kernel).mounts.filter(({ kind }) => kind !== 'memory')
  const missing = needed.filter(({ guest }) => !granted.has(guest)).map(({ guest }) => guest)
  if (missing.length === 0) return
  const message = `${session} needs ${missing.join(', ')}, which the server does not grant. Its operator can: stasis serve --dir HOST::${missing[0]}. Or move it without running it there: --no-start.`
  throw new StasisError('STASIS_MOUNT_NOT_GRANTED', message, { session, mount: missing.join(' ') })
}
