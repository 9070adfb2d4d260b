/** Sessions to and from `stasis serve` (docs/protocol.md). */

import { listSessions } from '../../../runtime/store/checkpoints.ts'
import { loadLease } from '../../../runtime/store/lease.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { Channel } from '../../../runtime/transfer/channel.ts'
import { checkOwned, confirmMoved, leaseToSend } from '../../../runtime/transfer/give.ts'
import type { Progress } from '../../../runtime/transfer/send-blobs.ts'
import { type LiveSession, sendSession } from '../../../runtime/transfer/send-session.ts'
import { checkPlace, takeSession } from '../../../runtime/transfer/take.ts'
import { isStasisError, StasisError } from '../../../wasm-shim/errors.ts'
import { uuid } from '../../page-host.ts'
import { freeName } from '../program.ts'
import { SocketDuplex } from './socket-duplex.ts'

export interface ServerPlace {
  /** `http://host:port` */
  readonly url: string
  /** Empty: none. */
  readonly token: string
}

/** Milliseconds. */
const patience = 10_000

/** How this side's copy is called, for people at the other one. */
const here = (): string => `a browser's page of ${location.host}`

export function serverOf(address: string): string {
  try {
    const { protocol, origin } = new URL(address.includes('://') ? address : `http://${address}`)
    if (protocol === 'http:' || protocol === 'https:') return origin
  } catch {
    // Told below.
  }
  throw new StasisError(
    'STASIS_SERVER_ADDRESS',
    `"${address}" is no address of a server: http://localhost:8642 is one.`,
  )
}

async function connect({ url, token }: ServerPlace): Promise<Channel> {
  const base64url = btoa(String.fromCharCode(...new TextEncoder().encode(token)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
  const protocols = ['stasis.v1', ...(token === '' ? [] : [`stasis.token.${base64url}`])]
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/connect`, protocols)
  socket.binaryType = 'arraybuffer'
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => socket.close(), patience)
    socket.onopen = () => {
      clearTimeout(timer)
      resolve()
    }
    // A browser does not tell a page why a connection was refused.
    socket.onerror = () => {
      clearTimeout(timer)
      reject(unreachable(url))
    }
    socket.onclose = socket.onerror
  })
  const channel = new Channel(new SocketDuplex(socket))
  await channel.greet('stasis page')
  return channel
}

function unreachable(url: string): StasisError {
  const other =
    url === location.origin
      ? 'Is it "stasis serve", does it run, and is the token right?'
      : `Does it run ("stasis serve"), is the token right, and does it let this page in ("--allow-origin ${location.origin}")?`
  return new StasisError('STASIS_SERVER_UNREACHABLE', `${url} does not answer. ${other}`, { url })
}

async function connected<T>(place: ServerPlace, task: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await connect(place)
  try {
    const result = await task(channel)
    channel.close()
    return result
  } catch (error) {
    await channel.fail(error)
    throw error
  }
}

export interface SendToServer {
  readonly place: ServerPlace
  /** Absent: the session does not run. */
  readonly live?: LiveSession
  readonly onProgress: (progress: Progress) => void
}

/**
 * Copies a session while it runs, stops it, and hands over the right to run it; the server goes on with it. Where it fails
 * before the server has all, it is this store's as before. Resolves to why it does not run there; empty where it does.
 */
export async function sendToServer(store: Store, session: string, options: SendToServer): Promise<string> {
  const { place, live, onProgress } = options
  const lease = await leaseToSend(store, session, uuid)
  const there = `${place.url}/${session}`
  if (lease.state === 'moved' && !lease.confirmed) {
    // It has let go and was not heard.
    const done = await connected(place, (channel) => confirmMoved(store, session, channel, lease, session, true))
    return done.reason
  }
  checkOwned(session, lease)
  return connected(place, async (channel) => {
    await channel.send({ kind: 'push', session, as: session, line: lease.line, epoch: lease.epoch, force: false })
    await channel.expect('ready')
    const sent = await sendSession(store, session, channel, {
      ...{ uuid, onProgress, ...(live && { live }) },
      end: { kind: 'move', transfer: uuid(), as: session, there, here: here(), start: true },
    })
    return sent.reason ?? ''
  })
}

/** Fetches a session with the right to run it, which stops it there. Resolves to its name here. */
export async function takeFromServer(
  store: Store,
  session: string,
  place: ServerPlace,
  onProgress: (progress: Progress) => void,
): Promise<string> {
  const names = new Set((await listSessions(store)).map(({ name }) => name))
  const own = await loadLease(store, session).catch(() => undefined)
  // What was moved there comes back in its own place.
  const as = own === undefined ? freeName(session, names) : session
  const lock = await store.lock(as)
  try {
    const transfer = own?.state === 'received' ? own.transfer : ''
    await connected(place, async (channel) => {
      await channel.send({ kind: 'pull', session, take: true, peer: here(), transfer, start: true })
      const { line, epoch } = await channel.expect('ready')
      await checkPlace(store, as, line, epoch)
      await takeSession(store, as, channel, lock, { peer: `${place.url}/${session}`, onProgress })
    })
  } finally {
    await lock.release()
  }
  return as
}

export interface RemoteSession {
  readonly name: string
  readonly running: 'here' | 'elsewhere' | null
  readonly runnable: boolean
  readonly versions: readonly { readonly version: number; readonly size: number; readonly time?: number }[]
}

/** What the server that this page came from has: undefined where it is no `stasis serve`; 'token' where it wants one. */
export async function listRemote({ url, token }: ServerPlace): Promise<readonly RemoteSession[] | 'token' | undefined> {
  const headers = token === '' ? {} : { Authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/api/sessions`, { headers }).catch(() => undefined)
  if (response?.status === 401) return 'token'
  const isJson = response?.headers.get('Content-Type')?.includes('json') ?? false
  if (!response?.ok || !isJson) return undefined
  return ((await response.json()) as { sessions: readonly RemoteSession[] }).sessions
}

export const isLeaseMoved = (error: unknown): boolean => isStasisError(error) && error.code === 'STASIS_LEASE_MOVED'
