import { createHash, randomUUID } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { settleFiles } from '../runtime/session/files/settle-files.ts'
import type { MountGrant } from '../runtime/session/messages.ts'
import type { RestoreOptions, StartOptions } from '../runtime/session/options.ts'
import type { CheckpointInfo } from '../runtime/session/outcome.ts'
import { type ForkOptions, forkSession, type ReplayOptions, replaySession } from '../runtime/session/replay.ts'
import { restoreSession } from '../runtime/session/restore.ts'
import { restorePoints } from '../runtime/session/restore-plan.ts'
import type { Session as PortableSession } from '../runtime/session/session.ts'
import type { SessionHost } from '../runtime/session/session-host.ts'
import { Standby } from '../runtime/session/standby.ts'
import { startSession } from '../runtime/session/start.ts'
import { parseAddress } from '../runtime/store/address.ts'
import type { Store } from '../runtime/store/store.ts'
import { type ExportHost, exportSession } from '../runtime/transfer/export/export-session.ts'
import { type ImportOptions, importSession } from '../runtime/transfer/export/import-session.ts'
import { decideMounts, type FilesWay, type MountToMove, refuseFates } from '../runtime/transfer/mount-fates.ts'
import { mountsToMove } from '../runtime/transfer/mounts-to-move.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { openDirectory } from './directory.ts'
import { defaultCacheDirectory } from './prelink-cache.ts'
import { type StreamOptions, spawnGuest } from './spawn.ts'

export interface NodeStartOptions extends StartOptions, StreamOptions {}
export interface NodeRestoreOptions extends RestoreOptions, StreamOptions {}
export interface NodeForkOptions extends ForkOptions, Pick<StreamOptions, 'cache'> {}
export interface NodeReplayOptions extends ReplayOptions, Omit<StreamOptions, 'stdin'> {}

/** One run of a program; see `runtime/session/session.ts`. */
export type Session = PortableSession

/** Programs in worker threads of this process. */
export const Session = {
  /** Starts a program. Resolves once it runs; rejects before it has run. */
  start(options: NodeStartOptions): Promise<PortableSession> {
    const [streams, rest] = splitStreams(options)
    return startSession(nodeHost(streams), rest)
  },

  /** Goes on from a checkpoint: `calc`, `calc@3`, `calc@-1`. */
  restore(store: Store, address: string, options: NodeRestoreOptions = {}): Promise<PortableSession> {
    const [streams, rest] = splitStreams(options)
    return restoreSession(nodeHost(streams), store, address, rest)
  },

  /** Runs a session again by its log, up to some call; see `runtime/session/replay.ts`. */
  replay(store: Store, address: string, options: NodeReplayOptions): Promise<PortableSession> {
    const [streams, rest] = splitStreams(options)
    return replaySession(nodeHost(streams), store, address, rest)
  },

  /** Makes a session `name` of a state of another one; resolves to its first checkpoint. */
  fork(store: Store, address: string, name: string, options: NodeForkOptions = {}): Promise<CheckpointInfo> {
    const [streams, rest] = splitStreams(options)
    return forkSession(nodeHost(streams), store, address, name, rest)
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

/** A session that comes from elsewhere bit by bit, ready to go on here; see `runtime/session/standby.ts`. */
export function prepareStandby(store: Store, name: string, options: NodeRestoreOptions = {}): Promise<Standby> {
  const [streams, rest] = splitStreams(options)
  return Standby.prepare(nodeHost(streams), store, name, rest)
}

type HostGrant = Extract<MountGrant, { host: string }>

/** Of the granted directories those that a session knows: it cannot be given others. */
export function grantsOf<T extends { readonly guest: string }>(
  grants: readonly T[],
  mounts: readonly MountToMove[],
): readonly T[] {
  return grants.filter(({ guest }) => mounts.some((mount) => mount.guest === guest))
}

/**
 * Whether the session could be restored with these directories and this way with files; changes nothing. Throws
 * STASIS_MOUNT_NOT_GRANTED, STASIS_FILE_MISSING, STASIS_FILE_CHANGED.
 */
export async function checkRestore(
  store: Store,
  name: string,
  grants: readonly HostGrant[],
  files: FilesWay,
): Promise<void> {
  const known = await mountsToMove(store, name, false)
  refuseFates(name, decideMounts(known, grants, files))
  const mounts = grantsOf(grants, known)
  // Nothing is compared where the log leads on.
  if (files !== 'refuse' || mounts.length === 0 || known[0]?.contents === 'behind') return
  const [newest] = await restorePoints(store, { name, version: 0 })
  const point = await newest?.()
  if (point !== undefined) await settleFiles(nodeHost({}), store, point, { mounts, files: 'refuse' })
}

function splitStreams<T extends StreamOptions>(options: T): [StreamOptions, Omit<T, keyof StreamOptions>] {
  const { stdin, stdout, stderr, terminal, shownLines, cache, imports, ...rest } = options
  const streams = {
    ...(stdin !== undefined && { stdin }),
    ...(stdout !== undefined && { stdout }),
    ...(stderr !== undefined && { stderr }),
    ...(terminal !== undefined && { terminal }),
    ...(shownLines !== undefined && { shownLines }),
    ...(cache !== undefined && { cache }),
    ...(imports !== undefined && { imports }),
  }
  return [streams, rest]
}

/** What exporting and importing need of Node. */
export const exportHost: Required<ExportHost> = {
  uuid: () => randomUUID(),
  sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
  readFile: readShared,
}

function nodeHost(streams: StreamOptions): SessionHost {
  const cacheDirectory = streams.cache === false ? undefined : (streams.cache ?? defaultCacheDirectory())
  return {
    spawnGuest: (control, receive, fail) => spawnGuest(streams, cacheDirectory, control, receive, fail),
    now: () => Date.now(),
    ...exportHost,
    pause: () => setImmediate(),
    equal: (a, b) => Buffer.compare(a, b) === 0,
    every: (milliseconds, look) => {
      const timer = setInterval(look, milliseconds)
      return () => clearInterval(timer)
    },
    openDirectory: (path) => openDirectory(path),
    absolutePath: (path) => resolve(path),
  }
}

/** Reads a file into memory that the guest's thread can share. Throws STASIS_FILE. */
async function readShared(path: string): Promise<Uint8Array> {
  try {
    // To open a named pipe would wait for somebody who writes to it.
    if (!(await stat(path)).isFile()) throw new Error('it is no regular file')
    const handle = await open(path)
    try {
      const { size } = await handle.stat()
      const bytes = new Uint8Array(new SharedArrayBuffer(size))
      for (let at = 0; at < size; ) {
        const { bytesRead } = await handle.read(bytes, at, size - at, at)
        if (bytesRead === 0) throw new Error('it became shorter while it was read')
        at += bytesRead
      }
      return bytes
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError('STASIS_FILE', `Cannot read the module ${path}: ${reason}.`, { path }, { cause })
  }
}
