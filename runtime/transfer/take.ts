import { StasisError } from '../../wasm-shim/errors.ts'
import { type Lease, loadLease, mayRun, saveLease } from '../store/lease.ts'
import type { SessionLock, Store } from '../store/store.ts'
import type { Channel } from './channel.ts'
import { decideMounts, type FilesWay, type GrantedMount } from './mount-fates.ts'
import { PreparedSession, type StandbyPlace } from './prepared-session.ts'
import { broken, type MessageOf } from './protocol.ts'
import { BlobReceiver, type ReceiveOptions } from './receive-blobs.ts'
import { folderBlobs } from './session-blobs.ts'

export interface Taken {
  /** `copy`: kept; `owned`: it runs here from now on. */
  readonly state: 'copy' | 'owned'
  readonly lease: Lease
}

export interface TakeOptions extends ReceiveOptions {
  /** Where the other copy is, if this side knows it better than the other one. */
  readonly peer?: string
  /** The directories that a session which is taken may have here; default: none. */
  readonly grants?: readonly GrantedMount[]
  /** What is done with files in them; default: what the sender says. */
  readonly files?: FilesWay
  /** Before a session is taken that is to run here: throws where it could not. `view` has it as it will be. */
  readonly checkStart?: (view: Store, session: string, files: FilesWay) => Promise<void>
  /** Makes a session that is in place ready to go on, while more of it comes. Absent where nothing is run. */
  readonly standBy?: (session: string) => Promise<StandbyPlace>
  /** After the session became this store's and its lock was released: runs it, if asked to, and says what became of that. */
  readonly onOwned?: (
    session: string,
    start: boolean,
    files: FilesWay,
  ) => Promise<{ readonly running: boolean; readonly reason: string }>
}

/**
 * Whether a session of this line may come in the place of what this store has under the name. It may where that is a copy of
 * the same session that has no life of its own. Throws STASIS_SESSION_EXISTS, STASIS_SESSION_DIVERGED, STASIS_LEASE_STALE.
 */
export async function checkPlace(store: Store, session: string, line: string, epoch: number): Promise<void> {
  if ((await folderBlobs(store, session)).length === 0) return
  const lease = await loadLease(store, session)
  const other = `Choose another name (--as NEW), or replace it (--force).`
  if (lease?.line !== line) {
    const what = lease === undefined || mayRun(lease) ? 'another session' : 'a copy of another session'
    const message = `There is ${what} ${session} on the other side. ${other}`
    throw new StasisError('STASIS_SESSION_EXISTS', message, { session })
  }
  if (mayRun(lease)) {
    const message = `The session ${session} runs on the other side by its own right, and may have gone on there: both have a claim to it. Choose another name (--as NEW), or replace that one (--force).`
    throw new StasisError('STASIS_SESSION_DIVERGED', message, { session })
  }
  // One that was received and not let go has not gone on.
  const reached = lease.state === 'received' || lease.state === 'incoming' ? lease.epoch - 1 : lease.epoch
  if (reached > epoch) {
    const message = `The other side has a later state of ${session} than what was to be sent. ${other}`
    throw new StasisError('STASIS_LEASE_STALE', message, { session })
  }
}

/**
 * The receiving side of one transfer, from the first inventory to its end; the session's lock is held, and released when it
 * became this store's. Nothing that is in use changes before all has come and was found right.
 */
export async function takeSession(
  store: Store,
  session: string,
  channel: Channel,
  lock: SessionLock,
  options: TakeOptions = {},
): Promise<Taken> {
  const receiver = new BlobReceiver(store, session, channel, options)
  const standby = new PreparedSession(session, options)
  try {
    for (;;) {
      const message = await channel.expect(...transferKinds)
      switch (message.kind) {
        case 'ask':
          await answerAsk(channel, message, options)
          break
        case 'inventory':
          await receiver.inventory(message)
          break
        case 'data':
        case 'zstd':
          await receiver.data(message)
          break
        case 'end':
          await receiver.end(message)
          break
        case 'flush':
          await receiver.flush()
          break
        case 'keep': {
          const lease = await putInPlace(store, session, receiver, { ...message, transfer: '' }, 'copy', options)
          await channel.send({ kind: 'kept' })
          return { state: 'copy', lease }
        }
        case 'prepare':
          if (standby.isPossible) {
            await putInPlace(store, session, receiver, { ...message, transfer: '' }, 'copy', options)
          }
          await channel.send({ kind: 'prepared', ...(await standby.prepare()) })
          break
        case 'offer':
          // What stands by and has only its log grown was looked at when it was prepared: the guest need not wait for it.
          if (message.start && !(standby.isReady && receiver.isLogAdded)) {
            await options.checkStart?.(receiver.view(), session, options.files ?? message.files)
          }
          await putInPlace(store, session, receiver, message, 'received', options)
          await standby.check()
          await channel.send({ kind: 'received', transfer: message.transfer })
          break
        case 'activate':
          return { state: 'owned', lease: await activate(store, session, channel, lock, message, options, standby) }
      }
    }
  } catch (error) {
    await receiver.interrupted().catch(() => undefined)
    throw error
  } finally {
    await standby.discard()
  }
}

const transferKinds = [
  'ask',
  'inventory',
  'data',
  'zstd',
  'end',
  'flush',
  'keep',
  'prepare',
  'offer',
  'activate',
] as const

/** What would become of a session's directories here. Nothing else is done. */
export async function answerAsk(
  channel: Channel,
  { mounts, files }: MessageOf<'ask'>,
  options: Pick<TakeOptions, 'grants' | 'files'>,
): Promise<void> {
  const fates = decideMounts(mounts, options.grants ?? [], options.files ?? files)
  await channel.send({ kind: 'answer', mounts: fates })
}

async function putInPlace(
  store: Store,
  session: string,
  receiver: BlobReceiver,
  { line, epoch, peer, transfer }: { line: string; epoch: number; peer: string; transfer: string },
  state: 'copy' | 'received',
  options: TakeOptions,
): Promise<Lease> {
  receiver.checkWhole()
  const lease: Lease = { line, epoch, state, peer: options.peer ?? peer, transfer, confirmed: false }
  if (!receiver.isLogAdded) await saveLease(store, session, { ...lease, state: 'incoming' })
  await receiver.putInPlace()
  await saveLease(store, session, lease)
  return lease
}

/** The sender has let go. May come again where the answer was lost. Throws STASIS_TRANSFER_UNKNOWN. */
export async function activate(
  store: Store,
  session: string,
  channel: Channel,
  lock: SessionLock,
  { transfer, start, files }: MessageOf<'activate'>,
  options: TakeOptions,
  standby?: PreparedSession,
): Promise<Lease> {
  const lease = await loadLease(store, session)
  if (lease === undefined || lease.transfer !== transfer) throw unknownTransfer(session)
  const isFirst = lease.state === 'received'
  if (!isFirst && lease.state !== 'owned') throw broken(`${session} was activated and is ${lease.state}`)
  const owned: Lease = { ...lease, state: 'owned', confirmed: true }
  if (isFirst) await saveLease(store, session, owned)
  const { onOwned = async () => ({ running: false, reason: '' }) } = options
  const isRunning = start && (await standby?.goOn(lock)) === true
  if (!isRunning) await lock.release()
  const { running, reason } = isRunning
    ? { running: true, reason: '' }
    : await onOwned(session, start, options.files ?? files)
  await channel.send({ kind: 'active', transfer, running, reason: reason.slice(0, 4096) })
  return owned
}

function unknownTransfer(session: string): StasisError {
  const message = `The other side knows nothing of that hand-over of ${session}: its copy was removed or replaced since.`
  return new StasisError('STASIS_TRANSFER_UNKNOWN', message, { session })
}
