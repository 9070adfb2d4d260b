import type { Session } from '../../runtime/session/session.ts'
import type { Standby } from '../../runtime/session/standby.ts'
import { loadLease } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import type { FilesWay, GrantedMount } from '../../runtime/transfer/mount-fates.ts'
import type { Progress } from '../../runtime/transfer/send-blobs.ts'
import { checkPlace, type Taken, type TakeOptions, takeSession } from '../../runtime/transfer/take.ts'
import { nodeCodec } from './codec.ts'
import { connect } from './connect.ts'
import { LentLock } from './lent-lock.ts'
import { withRetries } from './retry.ts'
import { closing } from './send.ts'

/** How a session that is taken goes on in this process. */
export interface RunHere {
  readonly grants: readonly GrantedMount[]
  readonly files: FilesWay
  /** Throws where it could not go on with what `view` has of it. */
  readonly check: (view: Store, session: string) => Promise<void>
  /** Absent: it goes on from a checkpoint. */
  readonly standBy?: (session: string) => Promise<Standby>
  readonly restore: (session: string) => Promise<Session>
}

export interface PullOptions {
  readonly token: string | undefined
  /** Its name here. */
  readonly as: string
  readonly take: boolean
  readonly force: boolean
  /** How this side calls its copy, for the other one. */
  readonly here: string
  readonly onProgress?: (progress: Progress) => void
  readonly onRetry: (error: Error) => void
}

/** Fetches a session from a server. */
export async function pull(store: Store, session: string, server: string, options: PullOptions): Promise<Taken> {
  const { taken } = await withRetries(() => pullOnce(store, session, server, options), options.onRetry)
  return taken
}

/** Takes a session from a server and goes on with it, standing by where that is possible. Rejects as its restore does. */
export async function pullAndRun(
  store: Store,
  session: string,
  server: string,
  options: PullOptions,
  run: RunHere,
): Promise<Session> {
  const { begun } = await withRetries(() => pullOnce(store, session, server, options, run), options.onRetry)
  // It was this store's already, or what was to run it has failed: its restore says why.
  return begun ?? run.restore(options.as)
}

interface Pulled {
  readonly taken: Taken
  readonly begun: Session | undefined
}

async function pullOnce(
  store: Store,
  session: string,
  server: string,
  options: PullOptions,
  run?: RunHere,
): Promise<Pulled> {
  const { token, as, take, force, here, onProgress } = options
  const lock = new LentLock(await store.lock(as))
  let begun: Session | undefined
  try {
    const own = await loadLease(store, as)
    const transfer = own?.state === 'received' ? own.transfer : ''
    const channel = await connect(server, token)
    return await closing(channel, async () => {
      await channel.send({ kind: 'pull', session, take, peer: here, transfer, start: run !== undefined })
      const { line, epoch } = await channel.expect('ready')
      if (!force) await checkPlace(store, as, line, epoch)
      const peer = `${server}/${session}`
      const onBegun = (session: Session) => {
        begun = session
      }
      const running = run && runOptions(run, lock, onBegun)
      const common = { codec: nodeCodec, peer, ...(onProgress && { onProgress }) }
      const taken = await takeSession(store, as, channel, lock, { ...common, ...running })
      return { taken, begun }
    }).catch(async (error) => {
      const lease = await loadLease(store, as)
      const isOurs = lease?.state === 'owned' && (own?.state !== 'owned' || own.transfer !== lease.transfer)
      // It has come; only the last word was lost, that it has.
      if (take && isOurs) return { taken: { state: 'owned' as const, lease }, begun }
      throw error
    })
  } finally {
    await lock.release()
  }
}

function runOptions(
  { grants, files, check, standBy, restore }: RunHere,
  lent: LentLock,
  onBegun: (session: Session) => void,
): TakeOptions {
  return {
    ...{ grants, files },
    checkStart: (view, session) => check(view, session),
    ...(standBy && {
      standBy: async (session: string) => {
        const standby = await standBy(session)
        return { standby, goOn: async () => onBegun(await standby.goOn(lent.lend())) }
      },
    }),
    onOwned: async (session) => {
      try {
        onBegun(await restore(session))
        return { running: true, reason: '' }
      } catch (error) {
        return { running: false, reason: error instanceof Error ? error.message : String(error) }
      }
    },
  }
}
