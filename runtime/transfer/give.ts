import { isStasisError } from '../../wasm-shim/errors.ts'
import { type Lease, loadLease, mayRun, refusal, saveLease } from '../store/lease.ts'
import type { Store } from '../store/store.ts'
import type { Channel } from './channel.ts'
import type { FilesWay } from './mount-fates.ts'

/** By what a session is told apart over all stores: its lease, which is made where it has none. */
export async function leaseToSend(store: Store, session: string, uuid: () => string): Promise<Lease> {
  const found = await loadLease(store, session)
  if (found !== undefined) return found
  const lease: Lease = { line: uuid(), epoch: 0, state: 'owned', peer: '', transfer: '', confirmed: true }
  await saveLease(store, session, lease)
  return lease
}

/** Before a session is sent by its owner. Throws as `claimLease`. */
export function checkOwned(session: string, lease: Lease): void {
  if (!mayRun(lease)) throw refusal(session, lease)
}

/** After the rounds: makes what was received a copy. `peer`: where this one can be had, for the other side. */
export async function giveCopy(channel: Channel, lease: Lease, peer: string): Promise<void> {
  await channel.send({ kind: 'keep', line: lease.line, epoch: lease.epoch, peer })
  await channel.expect('kept')
}

export interface HandOver {
  /** A UUID. */
  readonly transfer: string
  /** The session's name on the other side, and where that is, as this side's lease will say. */
  readonly as: string
  readonly there: string
  /** Where this side is, for the other one's lease. */
  readonly here: string
  readonly start: boolean
  /** What is done with files in directories that are granted there; default 'refuse'. */
  readonly files?: FilesWay
}

export interface HandedOver {
  readonly running: boolean
  /** Why it does not run, where that was asked for. */
  readonly reason: string
}

/**
 * After the last round, with the session's lock held: hands over the right to run it. When it rejects with
 * STASIS_LEASE_MOVED the right has gone and was not confirmed; with anything else it has not gone, and the session is this
 * store's as before.
 */
export async function giveLease(
  store: Store,
  session: string,
  channel: Channel,
  lease: Lease,
  { transfer, as, there, here, start, files = 'refuse' }: HandOver,
): Promise<HandedOver> {
  const moved: Lease = { ...lease, epoch: lease.epoch + 1, state: 'moved', peer: there, transfer, confirmed: false }
  await saveLease(store, session, { ...lease, state: 'offered', peer: there, transfer })
  try {
    await channel.send({ kind: 'offer', transfer, line: lease.line, epoch: moved.epoch, peer: here, start, files })
    await channel.expect('received')
    // From here on it is never taken back.
    await saveLease(store, session, moved)
  } catch (error) {
    if ((await loadLease(store, session))?.state !== 'moved') {
      await saveLease(store, session, { ...lease, state: 'owned' })
      throw error
    }
  }
  return confirmMoved(store, session, channel, moved, as, start, files)
}

/** Tells the receiver that it is the owner: at the end of a hand-over, or later, on another connection. */
export async function confirmMoved(
  store: Store,
  session: string,
  channel: Channel,
  moved: Lease,
  as: string,
  start: boolean,
  files: FilesWay = 'refuse',
): Promise<HandedOver> {
  try {
    await channel.send({ kind: 'activate', session: as, transfer: moved.transfer, start, files })
    const { running, reason } = await channel.expect('active')
    await saveLease(store, session, { ...moved, confirmed: true })
    return { running, reason }
  } catch (cause) {
    if (isStasisError(cause) && cause.fields.remote === true) throw cause
    const error = refusal(session, moved)
    error.cause = cause
    throw error
  }
}
