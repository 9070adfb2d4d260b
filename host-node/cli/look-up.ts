import { listSessions, type SessionInfo } from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { didYouMean } from './suggest.ts'

/** Does something with a session's checkpoints; where there are none, the error says which name may have been meant. */
export async function lookUp<T>(store: Store, name: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    if (!isStasisError(error) || error.code !== 'STASIS_VERSION_UNKNOWN') throw error
    const sessions = await listSessions(store)
    const found = sessions.find((session) => session.name === name)
    if (found === undefined) throw unknownSession(name, sessions)
    if (found.versions.length > 0) throw error
    if (found.owner === undefined) {
      const message = `The session ${name} has no checkpoints, only its call log. "stasis restore ${name}" goes on from that.`
      throw new StasisError('STASIS_VERSION_UNKNOWN', message, { name })
    }
    throw new StasisError(
      'STASIS_VERSION_UNKNOWN',
      `The session ${name} is running and has no checkpoint yet. Take one: stasis checkpoint ${name}`,
      { name },
    )
  }
}

export function unknownSession(name: string, sessions: readonly SessionInfo[]): StasisError {
  const names = sessions.map((session) => session.name)
  const known =
    names.length > 0 ? ` There are: ${names.join(', ')}.` : ' The store is empty; --store picks another one.'
  const hint = didYouMean(name, names) || known
  return new StasisError('STASIS_SESSION_UNKNOWN', `There is no session named ${name}.${hint}`, { name })
}
