import { loadLease } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import type { Progress } from '../../runtime/transfer/send-blobs.ts'
import { checkPlace, type Taken, takeSession } from '../../runtime/transfer/take.ts'
import { nodeCodec } from './codec.ts'
import { connect } from './connect.ts'
import { withRetries } from './retry.ts'
import { closing } from './send.ts'

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
export function pull(store: Store, session: string, server: string, options: PullOptions): Promise<Taken> {
  return withRetries(() => pullOnce(store, session, server, options), options.onRetry)
}

async function pullOnce(store: Store, session: string, server: string, options: PullOptions): Promise<Taken> {
  const { token, as, take, force, here, onProgress } = options
  const lock = await store.lock(as)
  try {
    const own = await loadLease(store, as)
    const transfer = own?.state === 'received' ? own.transfer : ''
    const channel = await connect(server, token)
    return await closing(channel, async () => {
      await channel.send({ kind: 'pull', session, take, peer: here, transfer })
      const { line, epoch } = await channel.expect('ready')
      if (!force) await checkPlace(store, as, line, epoch)
      const peer = `${server}/${session}`
      return takeSession(store, as, channel, lock, { codec: nodeCodec, peer, ...(onProgress && { onProgress }) })
    })
  } finally {
    await lock.release()
  }
}
