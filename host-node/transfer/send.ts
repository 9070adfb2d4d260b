import { randomUUID } from 'node:crypto'
import { listVersions } from '../../runtime/store/checkpoints.ts'
import { loadLease, refusal } from '../../runtime/store/lease.ts'
import { loadStart } from '../../runtime/store/start-record.ts'
import type { Store } from '../../runtime/store/store.ts'
import type { Channel } from '../../runtime/transfer/channel.ts'
import { checkOwned, confirmMoved, type HandedOver, leaseToSend } from '../../runtime/transfer/give.ts'
import type { FilesWay, MountFate } from '../../runtime/transfer/mount-fates.ts'
import type { Progress, Round } from '../../runtime/transfer/send-blobs.ts'
import { type SentSession, sendSession } from '../../runtime/transfer/send-session.ts'
import { folderBlobs } from '../../runtime/transfer/session-blobs.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { nodeCodec } from './codec.ts'
import { connect } from './connect.ts'
import { keepModules } from './keep-modules.ts'
import { findLive } from './live.ts'
import { isLost, withRetries } from './retry.ts'
import { parseTarget } from './target.ts'

export interface SendOptions {
  readonly storeId: string
  readonly token: string | undefined
  readonly as: string
  readonly force: boolean
  /** Hand over the right to run it, and have it run there. */
  readonly move: { readonly start: boolean; readonly files?: FilesWay } | undefined
  /** How this side calls its copy, for the other one. */
  readonly here: string
  readonly onProgress?: (progress: Progress) => void
  /** Before anything is stopped: what becomes of its directories there. */
  readonly onFates?: (fates: readonly MountFate[]) => void
  readonly onRound?: (round: Round) => void
  readonly onStopped?: () => void
  readonly onRetry: (error: Error) => void
}

/** Sends a session to a server. Rejects as `sendSession`, and as the server does. */
export async function send(store: Store, session: string, server: string, options: SendOptions): Promise<SentSession> {
  try {
    return await withRetries(() => sendOnce(store, session, server, options), options.onRetry)
  } catch (error) {
    // It has let go and was not heard; to say so again is harmless.
    const { move, token, onRetry } = options
    if (move === undefined || !(error instanceof Error) || !isLost(error.cause)) throw error
    onRetry(error)
    return { rounds: [], ...(await withRetries(() => resumeOnce(store, session, token, move), onRetry, true)) }
  }
}

async function sendOnce(store: Store, session: string, server: string, options: SendOptions): Promise<SentSession> {
  const { storeId, token, as, force, move, here, onRetry: _, ...events } = options
  if ((await folderBlobs(store, session)).length === 0) throw unknown(session)
  const lease = await leaseToSend(store, session, randomUUID)
  checkOwned(session, lease)
  const channel = await connect(server, token)
  return closing(channel, async () => {
    await channel.send({ kind: 'push', session, as, line: lease.line, epoch: lease.epoch, force })
    await channel.expect('ready')
    const there = `${server}/${as}`
    const live = await findLive(store, storeId, session, there, move === undefined)
    if (live === undefined) await keepModules(store, session)
    const sending = sendSession(store, session, channel, {
      codec: nodeCodec,
      uuid: randomUUID,
      now: () => performance.now(),
      ...events,
      ...(live && { live }),
      end: move ? { kind: 'move', transfer: randomUUID(), as, there, here, ...move } : { kind: 'copy', here },
    })
    return live === undefined ? sending : sending.catch((error) => refuseEnded(store, session, error))
  })
}

/** A program that runs to its end while it is sent leaves nothing behind that could be sent. */
async function refuseEnded(store: Store, session: string, error: unknown): Promise<never> {
  const isThere = (await listVersions(store, session)).length > 0 || (await loadStart(store, session).catch(() => true))
  if (isThere) throw error
  const message = `${session} has run to its end while it was being sent. Its own terminal shows how.`
  throw new StasisError('STASIS_SESSION_ENDED', message, { session }, { cause: error })
}

/** Finishes a hand-over whose last word was lost. Throws STASIS_NOTHING_TO_RESUME. */
export function resume(
  store: Store,
  session: string,
  token: string | undefined,
  move: { readonly start: boolean; readonly files?: FilesWay },
  onRetry: (error: Error) => void,
): Promise<HandedOver & { readonly peer: string }> {
  return withRetries(() => resumeOnce(store, session, token, move), onRetry)
}

async function resumeOnce(
  store: Store,
  session: string,
  token: string | undefined,
  { start, files }: { readonly start: boolean; readonly files?: FilesWay },
): Promise<HandedOver & { readonly peer: string }> {
  const lease = await loadLease(store, session)
  if (lease?.state !== 'moved' || lease.confirmed) {
    const isElsewhere = lease !== undefined && !['owned', 'offered'].includes(lease.state)
    if (isElsewhere) throw refusal(session, lease)
    const message = `No hand-over of ${session} is unfinished: it is this store's. "stasis restore ${session}" goes on with it.`
    throw new StasisError('STASIS_NOTHING_TO_RESUME', message, { session })
  }
  const { server, session: as = session } = parseTarget(lease.peer)
  const channel = await connect(server, token)
  const done = await closing(channel, () => confirmMoved(store, session, channel, lease, as, start, files).catch(lost))
  return { ...done, peer: lease.peer }
}

/** While asking again, a lost connection is what it is. */
function lost(error: unknown): never {
  throw error instanceof Error && isLost(error.cause) ? error.cause : error
}

export async function closing<T>(channel: Channel, task: () => Promise<T>): Promise<T> {
  try {
    const done = await task()
    channel.close()
    await gone(channel)
    return done
  } catch (error) {
    await channel.fail(error)
    throw error
  }
}

/** Milliseconds for the last message to get out before the process may end. */
const farewell = 2000

async function gone(channel: Channel): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, farewell)
  })
  await Promise.race([channel.next().catch(() => undefined), late])
  clearTimeout(timer)
}

function unknown(session: string): StasisError {
  const message = `There is no session named ${session}. "stasis ls" shows those there are.`
  return new StasisError('STASIS_SESSION_UNKNOWN', message, { session })
}
