import { randomUUID } from 'node:crypto'
import { loadLease, mayRun, refusal } from '../../runtime/store/lease.ts'
import type { SessionLock, Store } from '../../runtime/store/store.ts'
import type { Channel } from '../../runtime/transfer/channel.ts'
import { checkOwned, confirmMoved, leaseToSend } from '../../runtime/transfer/give.ts'
import type { MessageOf } from '../../runtime/transfer/protocol.ts'
import type { Limits } from '../../runtime/transfer/receive-blobs.ts'
import { sendSession } from '../../runtime/transfer/send-session.ts'
import { folderBlobs } from '../../runtime/transfer/session-blobs.ts'
import { activate, answerAsk, checkPlace, type TakeOptions, takeSession } from '../../runtime/transfer/take.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { nodeCodec } from '../transfer/codec.ts'
import { keepModules } from '../transfer/keep-modules.ts'
import { LentLock } from '../transfer/lent-lock.ts'
import { findLive } from '../transfer/live.ts'
import { serveViewer } from './attach-viewer.ts'
import { messageOf, type RunningSessions } from './running.ts'
import { checkKnown, refusalThere } from './unknown-session.ts'

export interface ConnectionContext {
  readonly store: Store
  readonly storeId: string
  readonly sessions: RunningSessions
  readonly limits: Limits
  readonly log: (text: string) => void
  /** Sessions that are being received, to be given up where their sender comes again on a new connection. */
  readonly incoming: Map<string, Incoming>
}

interface Incoming {
  readonly line: string
  readonly channel: Channel
  readonly over: Promise<void>
}

/** Answers what one client asks, until it goes. Never rejects. `caller` is for the log. */
export async function serveConnection(channel: Channel, context: ConnectionContext, caller: string): Promise<void> {
  try {
    await channel.greet('stasis serve', nodeCodec)
    for (;;) {
      const message = await channel.next()
      if (message === undefined) break
      await answer(channel, message, context)
    }
  } catch (error) {
    context.log(`${caller}: ${messageOf(error)}`)
    await channel.fail(error)
  } finally {
    channel.close()
  }
}

async function answer(
  channel: Channel,
  message: NonNullable<Awaited<ReturnType<Channel['next']>>>,
  context: ConnectionContext,
): Promise<void> {
  switch (message.kind) {
    case 'push':
      return servePush(channel, message, context)
    case 'pull':
      return servePull(channel, message, context)
    case 'activate':
      return serveActivate(channel, message, context)
    case 'ask':
      return answerAsk(channel, message, { grants: context.sessions.grants })
    case 'start': {
      await serveStart(message, context)
      return channel.send({ kind: 'started' })
    }
    case 'attach':
      return serveViewer(channel, message, context.sessions, context.store)
    default:
      throw new StasisError('STASIS_PROTOCOL', `"${message.kind}" is not how anything begins.`)
  }
}

async function serveStart(
  { session, files }: MessageOf<'start'>,
  { store, sessions }: ConnectionContext,
): Promise<void> {
  if (sessions.get(session) === undefined) {
    // One that has run to its end meanwhile: whoever attaches is told how.
    const isOver = sessions.ended(session) !== undefined && (await folderBlobs(store, session)).length === 0
    if (isOver) return
    await checkKnown(store, session)
  }
  await sessions.start(session, files).catch(async (error) => {
    const lease = await loadLease(store, session).catch(() => undefined)
    throw lease === undefined || mayRun(lease) ? error : refusalThere(session, lease)
  })
}

async function servePush(channel: Channel, message: MessageOf<'push'>, context: ConnectionContext): Promise<void> {
  const { store, incoming, log } = context
  const { as: name, line, epoch, force } = message
  const before = incoming.get(name)
  if (before?.line === line) {
    before.channel.close()
    await before.over
  }
  const lock = new LentLock(await store.lock(name))
  const options = { ...takeOptions(context), standBy: standBy(lock, context) }
  let finish = () => {}
  const over = new Promise<void>((resolve) => {
    finish = resolve
  })
  incoming.set(name, { line, channel, over })
  try {
    if (!force) await checkPlace(store, name, line, epoch)
    await channel.send({ kind: 'ready', line, epoch })
    const { state } = await takeSession(store, name, channel, lock, options)
    log(state === 'owned' ? `${name} has moved here.` : `A copy of ${name} has come.`)
  } finally {
    await lock.release()
    if (incoming.get(name)?.channel === channel) incoming.delete(name)
    finish()
  }
}

const standBy =
  (lock: LentLock, { sessions, log }: ConnectionContext): NonNullable<TakeOptions['standBy']> =>
  async (session) => {
    const { standby, goOn } = await sessions.standBy(session)
    const begin = async () => {
      await goOn(lock.lend())
      log(`${session} stood by, and went on behind its log.`)
    }
    return { standby, goOn: begin }
  }

function takeOptions({ sessions, limits, log }: ConnectionContext): TakeOptions {
  return {
    codec: nodeCodec,
    limits,
    grants: sessions.grants,
    checkStart: (view, session, files) => sessions.check(view, session, files),
    onOwned: async (session, start, files) => {
      if (!start) return { running: false, reason: '' }
      try {
        await sessions.start(session, files)
        return { running: true, reason: '' }
      } catch (error) {
        log(`${session} has moved here and cannot run: ${messageOf(error)}`)
        return { running: false, reason: messageOf(error) }
      }
    },
  }
}

const noLock: SessionLock = { release: async () => {} }

async function serveActivate(
  channel: Channel,
  message: MessageOf<'activate'>,
  context: ConnectionContext,
): Promise<void> {
  const { store } = context
  const { session } = message
  // One that is this store's already may be running: nothing is left to be done but to say so.
  const isOpen = (await loadLease(store, session))?.state === 'received'
  const lock = isOpen ? await store.lock(session) : noLock
  try {
    await activate(store, session, channel, lock, message, takeOptions(context))
  } finally {
    await lock.release()
  }
}

async function servePull(channel: Channel, message: MessageOf<'pull'>, context: ConnectionContext): Promise<void> {
  const { store, storeId, log } = context
  const { session, take, peer, transfer, start } = message
  await checkKnown(store, session)
  const lease = await leaseToSend(store, session, randomUUID)
  const { line, epoch } = lease
  if (take && lease.state === 'moved' && lease.transfer === transfer) {
    await channel.send({ kind: 'ready', line, epoch })
    await confirmMoved(store, session, channel, lease, session, start)
    return
  }
  if (take) checkOwned(session, lease)
  if (lease.state === 'incoming') throw refusal(session, lease)
  await channel.send({ kind: 'ready', line, epoch })
  const live = await findLive(store, storeId, session, take ? peer : '', !take)
  if (live === undefined) await keepModules(store, session)
  await sendSession(store, session, channel, {
    codec: nodeCodec,
    uuid: randomUUID,
    now: () => performance.now(),
    ...(live && { live }),
    end: take
      ? { kind: 'move', transfer: randomUUID(), as: session, there: peer, here: '', start }
      : { kind: 'copy', here: '' },
  })
  log(take ? `${session} has moved to ${peer}.` : `A copy of ${session} was sent.`)
}
