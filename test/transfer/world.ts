import { randomUUID } from 'node:crypto'
import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { Channel } from '../../runtime/transfer/channel.ts'
import {
  checkOwned,
  confirmMoved,
  giveCopy,
  giveLease,
  type HandedOver,
  leaseToSend,
} from '../../runtime/transfer/give.ts'
import { BlobSender, type Round } from '../../runtime/transfer/send-blobs.ts'
import { activate, checkPlace, type TakeOptions, takeSession } from '../../runtime/transfer/take.ts'
import { letters } from '../session/guests.ts'
import { restore, start } from '../session/harness.ts'
import { duplexPair, type PairOptions } from './pair.ts'

/** A session of the program `letters` that was stopped before its call `call`. */
export async function frozenLetters(
  call = 10,
  name = 'calc',
  store: Store = new MemoryStore(),
): Promise<{ store: Store; out: string }> {
  const trigger = { kind: 'call', call } as const
  const { session, host } = await start({ module: letters, store, name, triggers: [trigger], stopAfterSnapshot: true })
  const outcome = await session.done
  if (outcome.kind !== 'suspended') throw new Error(JSON.stringify(outcome))
  return { store, out: host.stdoutText() }
}

/** Goes on to the end; what it writes, and its exit code. */
export async function finish(store: Store, name = 'calc'): Promise<string> {
  const { session, host } = await restore(store, name)
  const outcome = await session.done
  return `${host.stdoutText()} ${outcome.kind === 'exited' ? outcome.code : outcome.kind}`
}

export interface Moving extends PairOptions {
  readonly force?: boolean
  readonly as?: string
  readonly take?: TakeOptions
}

/** Both sides of a connection, without a server: what the sender came to, and the receiver. */
export async function transfer(
  from: Store,
  to: Store,
  mode: 'copy' | 'move' | 'resume',
  { force = false, as = 'calc', take = {}, ...pair }: Moving = {},
): Promise<{ sent: PromiseSettledResult<Round | HandedOver>; taken: PromiseSettledResult<unknown> }> {
  const [near, far] = duplexPair(pair).map((duplex) => new Channel(duplex))
  const sending = mode === 'resume' ? resume(from, near!, as) : send(from, near!, mode, as)
  const receiving = receive(to, far!, force, take)
  const [sent, taken] = await Promise.allSettled([
    sending.catch(async (error) => {
      await near!.fail(error)
      throw error
    }),
    receiving.catch(async (error) => {
      await far!.fail(error)
      throw error
    }),
  ])
  return { sent: sent!, taken: taken! }
}

async function send(store: Store, channel: Channel, mode: 'copy' | 'move', as: string): Promise<Round | HandedOver> {
  const lock = await store.lock('calc')
  try {
    const lease = await leaseToSend(store, 'calc', randomUUID)
    checkOwned('calc', lease)
    await channel.send({ kind: 'push', session: 'calc', as, line: lease.line, epoch: lease.epoch, force: false })
    await channel.expect('ready')
    const round = await new BlobSender(store, 'calc', channel).round()
    if (mode === 'copy') {
      await giveCopy(channel, lease, 'there')
      return round
    }
    const plan = { transfer: randomUUID(), as, there: `http://there/${as}`, here: 'here', start: false }
    return await giveLease(store, 'calc', channel, lease, plan)
  } finally {
    await lock.release()
  }
}

async function resume(store: Store, channel: Channel, as: string): Promise<HandedOver> {
  const lease = await loadLease(store, 'calc')
  return confirmMoved(store, 'calc', channel, lease!, as, false)
}

async function receive(store: Store, channel: Channel, force: boolean, take: TakeOptions): Promise<unknown> {
  const first = await channel.expect('push', 'activate')
  const name = first.kind === 'push' ? first.as : first.session
  const lock = await store.lock(name)
  try {
    if (first.kind === 'activate') return await activate(store, name, channel, lock, first, take)
    if (!force) await checkPlace(store, name, first.line, first.epoch)
    await channel.send({ kind: 'ready', line: first.line, epoch: first.epoch })
    return await takeSession(store, name, channel, lock, take)
  } finally {
    await lock.release()
  }
}

/** Whether a store's copy of `calc` can go on, as a restore would find. */
export async function canRun(store: Store, name = 'calc'): Promise<boolean> {
  const blobs = await store.list(`sessions/${name}/`)
  if (!blobs.some((blob) => blob.name.endsWith('.ckpt') || blob.name.endsWith('.ckp'))) return false
  return mayRun(await loadLease(store, name))
}

export const reason = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'done' : String((result.reason as { code?: string }).code ?? result.reason)
