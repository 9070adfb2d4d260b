import { tell } from '../runtime/session/launch.ts'
import type { CommonOptions, RestoreOptions, StartOptions } from '../runtime/session/options.ts'
import type { CheckpointInfo } from '../runtime/session/outcome.ts'
import { type ForkOptions, forkSession, type ReplayOptions, replaySession } from '../runtime/session/replay.ts'
import { restoreSession } from '../runtime/session/restore.ts'
import type { Session as PortableSession } from '../runtime/session/session.ts'
import { startSession } from '../runtime/session/start.ts'
import { parseAddress } from '../runtime/store/address.ts'
import { MemoryStore } from '../runtime/store/memory-store.ts'
import type { Store } from '../runtime/store/store.ts'
import { exportSession } from '../runtime/transfer/export/export-session.ts'
import { type ImportOptions, importSession } from '../runtime/transfer/export/import-session.ts'
import { EarlyWorker } from './early-worker.ts'
import { OpfsMirror } from './opfs-mirror.ts'
import { type BrowserMount, loadOpfs, opfsGrants, withoutOpfs } from './opfs-mounts.ts'
import { exportHost, isIsolated, pageHost } from './page-host.ts'
import type { SpawnOptions, StreamOptions } from './spawn.ts'

export interface BrowserStartOptions extends Omit<StartOptions, 'mounts'>, StreamOptions {
  readonly mounts?: readonly BrowserMount[]
}
export interface BrowserRestoreOptions extends Omit<RestoreOptions, 'mounts'>, StreamOptions {
  /** Directories of OPFS are named again, to follow the session. */
  readonly mounts?: readonly BrowserMount[]
}
export interface BrowserForkOptions extends ForkOptions, Pick<StreamOptions, 'cache'> {}
export interface BrowserReplayOptions extends ReplayOptions, Omit<StreamOptions, 'stdin'> {}

/** One run of a program; see `runtime/session/session.ts`. */
export type Session = PortableSession

/** Programs in workers of this page. */
export const Session = {
  /** Starts a program. Resolves once it runs; rejects before it has run. `module`: bytes, or a URL. */
  async start({ mounts = [], ...options }: BrowserStartOptions): Promise<PortableSession> {
    const [streams, rest] = splitStreams(options)
    const store = rest.store ?? new MemoryStore()
    tellIsolation(rest)
    return withMirror(store, mounts, rest, async (onExit, onEvent) => {
      const given = { ...rest, ...(onEvent && { onEvent }), ...returning(mounts, rest) }
      return startSession(pageHost(store, streams, { ...(onExit && { onExit }) }), {
        ...given,
        mounts: await loadOpfs(mounts),
        store,
      })
    })
  },

  /** Goes on from a checkpoint: `calc`, `calc@3`, `calc@-1`. */
  async restore(
    store: Store,
    address: string,
    { mounts = [], ...options }: BrowserRestoreOptions = {},
  ): Promise<PortableSession> {
    const [streams, rest] = splitStreams(options)
    tellIsolation(rest)
    return withMirror(store, mounts, rest, async (onExit, onEvent) => {
      const given = { ...rest, ...(onEvent && { onEvent }), ...returning(mounts, rest) }
      const early = streams.cache === false ? undefined : new EarlyWorker(store, address)
      const host = pageHost(store, streams, { ...(onExit && { onExit }), ...(early && { early }) })
      try {
        return await restoreSession(host, store, address, { ...given, mounts: withoutOpfs(mounts) })
      } finally {
        early?.end()
      }
    })
  },

  /** Runs a session again by its log, up to some call; see `runtime/session/replay.ts`. */
  replay(store: Store, address: string, options: BrowserReplayOptions): Promise<PortableSession> {
    const [streams, rest] = splitStreams(options)
    return replaySession(pageHost(store, streams), store, address, rest)
  },

  /** Makes a session `name` of a state of another one; resolves to its first checkpoint. */
  fork(store: Store, address: string, name: string, options: BrowserForkOptions = {}): Promise<CheckpointInfo> {
    const [streams, rest] = splitStreams(options)
    return forkSession(pageHost(store, streams), store, address, name, rest)
  },

  /** A session, or one version of it, in one file; see `runtime/transfer/export`. */
  export(store: Store, address: string): AsyncIterable<Uint8Array> {
    return exportSession(exportHost, store, parseAddress(address))
  },

  /** Makes a session of what `export` gave; resolves to its name. */
  import(
    store: Store,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: ImportOptions = {},
  ): Promise<string> {
    return importSession(exportHost, store, source, options)
  },
} as const

/** What directories of OPFS are to hold is told when the program exits. */
const returning = (mounts: readonly BrowserMount[], { returnFiles = false }: CommonOptions) => ({
  returnFiles: returnFiles || opfsGrants(mounts).length > 0,
})

/** Makes a session whose directories of OPFS follow it; `make` is given what it needs to know for that. */
async function withMirror(
  store: Store,
  mounts: readonly BrowserMount[],
  options: CommonOptions,
  make: (onExit: SpawnOptions['onExit'], onEvent: CommonOptions['onEvent']) => Promise<PortableSession>,
): Promise<PortableSession> {
  const grants = opfsGrants(mounts)
  if (grants.length === 0) return make(undefined, options.onEvent)
  const onError = (error: Error) => tell(options, { kind: 'refused', cause: 'opfs', error })
  const mirror = new OpfsMirror(grants, store, onError)
  const session = await make(
    (contents) => mirror.finish(contents),
    (event) => {
      if (event.kind === 'checkpoint') mirror.follow(event.checkpoint)
      options.onEvent?.(event)
    },
  )
  // What is hidden may be closed without being asked.
  const leave = () => {
    if (document.visibilityState === 'hidden') void session.checkpoint({ cause: 'keyframe' }).catch(() => undefined)
  }
  document.addEventListener('visibilitychange', leave)
  void session.done.then(() => document.removeEventListener('visibilitychange', leave))
  return session
}

function tellIsolation(options: CommonOptions): void {
  if (isIsolated()) return
  const reason =
    'This page is not cross-origin isolated, so that its programs give way to the event loop wherever they wait, and ' +
    'twenty times a second while they compute. Served with Cross-Origin-Opener-Policy: same-origin and ' +
    'Cross-Origin-Embedder-Policy: require-corp they need not.'
  tell(options, { kind: 'slower', reason })
}

function splitStreams<T extends StreamOptions>(options: T): [StreamOptions, Omit<T, keyof StreamOptions>] {
  const { stdin, stdout, stderr, terminal, imports, cache, ...rest } = options
  const streams = {
    ...(stdin !== undefined && { stdin }),
    ...(stdout !== undefined && { stdout }),
    ...(stderr !== undefined && { stderr }),
    ...(terminal !== undefined && { terminal }),
    ...(imports !== undefined && { imports }),
    ...(cache !== undefined && { cache }),
  }
  return [streams, rest]
}
