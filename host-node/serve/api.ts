import { listSessions } from '../../runtime/store/checkpoints.ts'
import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import type { RunningSessions } from './running.ts'

/** One session in the answer to `GET /api/sessions`. */
export interface SessionJson {
  readonly name: string
  /** `here`: in the server's process, and its terminal can be attached to; `elsewhere`: in another process. */
  readonly running: 'here' | 'elsewhere' | null
  /** Whether this store has the right to run it; else `peer` says where it is. */
  readonly runnable: boolean
  readonly state: string
  readonly peer: string
  readonly versions: readonly VersionJson[]
  /** Bytes of its call log behind the newest version. */
  readonly tail: number
}

interface VersionJson {
  readonly version: number
  readonly size: number
  readonly calls?: number
  readonly cause?: string
  readonly label?: string
  /** Milliseconds since the epoch. */
  readonly time?: number
  readonly damaged?: string
}

export async function describeSessions(store: Store, sessions: RunningSessions): Promise<readonly SessionJson[]> {
  const found = await listSessions(store)
  return Promise.all(
    found.map(async ({ name, versions, owner, log }): Promise<SessionJson> => {
      const lease = await loadLease(store, name).catch(() => undefined)
      const isHere = sessions.get(name) !== undefined
      return {
        name,
        running: isHere ? 'here' : owner === undefined ? null : 'elsewhere',
        runnable: mayRun(lease),
        state: lease?.state ?? 'owned',
        peer: lease?.peer ?? '',
        versions: versions.map(({ version, size, content }) => {
          if (content.kind === 'damaged') return { version, size, damaged: content.error.message }
          const { calls, cause, label, time } = content.manifest
          return { version, size, calls, cause, ...(label !== undefined && { label }), time }
        }),
        tail: log?.tail ?? 0,
      }
    }),
  )
}
