/**
 * Who holds a session's lock may change it as long as nobody has taken it over. Each take-over gives the session another
 * number, kept under the key `["fence", session]` beside the blobs; every change that a page makes to a session which it holds
 * looks that up in the same transaction. So a page that was asleep when its session was taken over changes nothing when it
 * wakes up.
 */
import { promisifyRequest } from 'idb-keyval'
import { isStasisError, StasisError } from '../wasm-shim/errors.ts'

const fenceKey = (session: string): IDBValidKey => ['fence', session]
const sessionPattern = /^sessions\/([^/]+)\//

export class Fences {
  readonly #own = new Map<string, number>()

  /** The lock was taken: notes the number that the session has. */
  async enter(store: IDBObjectStore, session: string): Promise<void> {
    this.#own.set(session, await read(store, session))
  }

  leave(session: string): void {
    this.#own.delete(session)
  }

  /** Before a blob is changed. Throws STASIS_SESSION_TAKEN. */
  async check(store: IDBObjectStore, blob: string): Promise<void> {
    const session = sessionPattern.exec(blob)?.[1]
    const own = session === undefined ? undefined : this.#own.get(session)
    if (own !== undefined && (await read(store, session!)) !== own) throw taken(session!)
  }
}

/** From now on whoever held the session changes it no more. */
export async function raiseFence(store: IDBObjectStore, session: string): Promise<void> {
  store.put((await read(store, session)) + 1, fenceKey(session))
}

async function read(store: IDBObjectStore, session: string): Promise<number> {
  return (await promisifyRequest<number | undefined>(store.get(fenceKey(session)))) ?? 0
}

/** Whether it is why a session ended here, or failed to be changed. */
export const isTaken = (error: unknown): boolean =>
  isStasisError(error) && (error.code === 'STASIS_SESSION_TAKEN' || isTaken(error.cause))

function taken(session: string): StasisError {
  const message = `${session} was taken over by another page of this browser, since this one did not answer. It goes on there; what this page did since is not kept.`
  return new StasisError('STASIS_SESSION_TAKEN', message, { session })
}
