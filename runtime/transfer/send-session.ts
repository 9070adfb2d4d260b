import { isStasisError } from '../../wasm-shim/errors.ts'
import type { Store } from '../store/store.ts'
import type { Channel } from './channel.ts'
import { checkOwned, giveCopy, giveLease, type HandedOver, type HandOver, leaseToSend } from './give.ts'
import { type MountFate, refuseFates } from './mount-fates.ts'
import { carriesFiles, mountsToMove } from './mounts-to-move.ts'
import { BlobSender, type Round, type SendOptions } from './send-blobs.ts'

/** A session that runs while it is sent. */
export interface LiveSession {
  /**
   * Takes a checkpoint that is removed by itself later, and goes on. `withFiles`: it has to carry the host's files; rejects
   * with STASIS_FILES_TOO_LARGE.
   */
  checkpoint(withFiles?: boolean): Promise<void>
  /** Takes a checkpoint and ends; resolves when nobody holds the session's lock any more. */
  stop(): Promise<void>
  /** The same without a checkpoint, where its log is enough. */
  stopByLog?(): Promise<void>
}

export interface SendSessionOptions extends SendOptions {
  /** Absent: the session does not run. */
  readonly live?: LiveSession
  /** What happens after the last round: a copy is left there, or the right to run it is handed over. */
  readonly end: { readonly kind: 'copy'; readonly here: string } | ({ readonly kind: 'move' } & HandOver)
  readonly uuid: () => string
  /** Milliseconds since some instant; absent: the other side is not asked to stand by. */
  readonly now?: () => number
  /** Before anything is sent or stopped: what becomes of its directories there. */
  readonly onFates?: (fates: readonly MountFate[]) => void
  /** After each round. */
  readonly onRound?: (round: Round) => void
  /** The session was stopped for the last round. */
  readonly onStopped?: () => void
}

export interface SentSession extends Partial<HandedOver> {
  readonly rounds: readonly Round[]
}

/** Rounds while the guest runs, and what is little enough to stop it for. */
const maxRounds = 6
const enough = 1 << 20
/** A round that brings it down by less is the last one: the guest changes things as fast as they are sent. */
const worthwhile = 0.7

/**
 * The sending side of one transfer, from the first inventory to its end. A move copies while the guest runs and stops it for
 * the last, small round. Rejects as `giveLease`, with STASIS_MOUNT_NOT_GRANTED before anything is stopped, and as what is to
 * be run there is refused there; a session that was stopped for it and did not move can be restored.
 */
export async function sendSession(
  store: Store,
  session: string,
  channel: Channel,
  options: SendSessionOptions,
): Promise<SentSession> {
  const { live, end, uuid, onRound, onStopped } = options
  const sender = new BlobSender(store, session, channel, options)
  const rounds: Round[] = []
  const round = async (): Promise<number> => {
    const done = await sender.round()
    rounds.push(done)
    onRound?.(done)
    return done.changed
  }
  const { needing, canStandBy } = await askFates(store, session, channel, options)
  const needsFiles = needing.length > 0
  if (live !== undefined) {
    let before = Number.POSITIVE_INFINITY
    for (let count = end.kind === 'copy' ? maxRounds - 1 : 0; count < maxRounds; count++) {
      await live.checkpoint(needsFiles)
      const changed = await again(round)
      if (changed <= enough || changed > before * worthwhile) break
      before = changed
    }
    if (end.kind === 'copy') {
      await giveCopy(channel, await leaseToSend(store, session, uuid), end.here)
      return { rounds }
    }
    if (needsFiles && !(await carriesFiles(store, session))) refuseFates(session, needing.map(notCarried))
    const isReady = canStandBy && (await othersStandsBy(store, session, channel, options, round))
    if (isReady && live.stopByLog !== undefined) await live.stopByLog()
    else await live.stop()
    onStopped?.()
  }
  const lock = await store.lock(session)
  try {
    // Read again: somebody may have been quicker between the stop and the lock.
    const lease = await leaseToSend(store, session, uuid)
    if (end.kind === 'move') checkOwned(session, lease)
    await round()
    if (end.kind === 'copy') {
      await giveCopy(channel, lease, end.here)
      return { rounds }
    }
    return { rounds, ...(await giveLease(store, session, channel, lease, end)) }
  } finally {
    await lock.release()
  }
}

/**
 * Asks the other side what becomes of the session's directories; rejects where it could not go on there. `needing`: those of
 * the host whose files have to go along. `canStandBy`: its log may be enough to go on there.
 */
async function askFates(
  store: Store,
  session: string,
  channel: Channel,
  { live, end, onFates }: SendSessionOptions,
): Promise<{ readonly needing: readonly MountFate[]; readonly canStandBy: boolean }> {
  if (end.kind !== 'move' || !end.start) return { needing: [], canStandBy: false }
  // What is wrong with it is told by who looks at what was sent.
  const mounts = await mountsToMove(store, session, live !== undefined).catch(() => [])
  if (mounts.length === 0) return { needing: [], canStandBy: true }
  await channel.send({ kind: 'ask', session: end.as, files: end.files ?? 'refuse', mounts })
  const { mounts: fates } = await channel.expect('answer')
  refuseFates(session, fates)
  onFates?.(fates)
  const ofHost = new Set(mounts.flatMap(({ guest, kind }) => (kind === 'host' ? [guest] : [])))
  return {
    needing: fates.filter(({ guest, fate }) => (fate === 'memory' || end.files === 'restore') && ofHost.has(guest)),
    canStandBy: end.files !== 'restore' && fates.every(({ fate }) => fate === 'granted'),
  }
}

const notCarried = ({ guest }: MountFate): MountFate => ({
  ...{ guest, fate: 'refused' },
  because: 'not all of its files can go along, which it needs there',
})

/** Rounds of the log alone, and milliseconds that the other side may take for one when the guest is stopped. */
const maxFollows = 4
const soon = 30

/**
 * Has the other side go on with the session as far as its log tells, while the guest runs here. False where it cannot; else
 * what it still has to do when the guest stops here is little, or does not become less.
 */
async function othersStandsBy(
  store: Store,
  session: string,
  channel: Channel,
  { live, end, now, uuid }: SendSessionOptions,
  round: () => Promise<number>,
): Promise<boolean> {
  if (end.kind !== 'move' || !end.start || live?.stopByLog === undefined || now === undefined) return false
  const { line, epoch } = await leaseToSend(store, session, uuid)
  let before = Number.POSITIVE_INFINITY
  for (let count = 0; count < maxFollows; count++) {
    const began = now()
    await channel.send({ kind: 'prepare', line, epoch, peer: end.here })
    const { ready } = await channel.expect('prepared')
    if (!ready) return false
    const took = now() - began
    // The first time it had everything to do.
    if (count > 0 && (took <= soon || took > before * worthwhile)) break
    if (count > 0) before = took
    await again(round)
  }
  return true
}

const attempts = 4

/** A session that runs removes what it does not need any more, sometimes while that is read. */
async function again<T>(task: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await task()
    } catch (error) {
      if (attempt === attempts || !isStasisError(error) || error.code !== 'STASIS_TRANSFER_CHANGED') throw error
    }
  }
}
