/**
 * The call log of a session in a store (docs/format.md): one blob for each stretch between two checkpoints, named by the
 * number of its first call and by the run that wrote it, and the chunks of large payloads.
 */
import { StasisError } from '../../wasm-shim/errors.ts'
import { checkSessionName } from './address.ts'
import { listVersions } from './checkpoints.ts'
import type { BlobInfo, Store } from './store.ts'

/** A piece of a session's log. Its first call is the one that the checkpoint with as many `calls` stands before. */
export interface LogSegment {
  /** The blob's name. */
  readonly blob: string
  /** First eight hexadecimal digits of the session's identity. */
  readonly run: string
  readonly firstCall: number
  /** Bytes; of a session that runs, as of now. */
  readonly size: number
  /** Milliseconds since the epoch at which it was written last, where the store knows. */
  readonly modified?: number
}

const segmentPattern = /^sessions\/([^/]+)\/(\d{1,16})-([0-9a-f]{8})\.log$/

/** Name of a segment below the session's folder. `id` is the session's identity, a UUID. */
export function segmentName(firstCall: number, id: string): string {
  return `${firstCall}-${id.slice(0, 8)}.log`
}

export function sessionFolder(session: string): string {
  return `sessions/${checkSessionName(session)}/`
}

export function chunkName(session: string, address: string): string {
  return `${sessionFolder(session)}chunks/${address}`
}

/** Where a chunk is while it is decided whether it can be removed. */
export function removedChunk(name: string): string {
  return `${name}.old`
}

export function asSegment({ name: blob, ...info }: BlobInfo): LogSegment | undefined {
  const match = segmentPattern.exec(blob)
  return match === null ? undefined : { ...info, blob, firstCall: Number(match[2]), run: match[3]! }
}

/** The segments that the store has, by their first calls. */
export async function listSegments(store: Store, session: string): Promise<readonly LogSegment[]> {
  const blobs = await store.list(sessionFolder(session))
  return blobs
    .map(asSegment)
    .filter((segment) => segment !== undefined)
    .sort((a, b) => a.firstCall - b.firstCall)
}

const pieceSize = 1 << 18

/** A blob's bytes from `start` to its present end, a piece at a time; nothing where there is no such blob. */
export async function* readPieces(store: Store, blob: string, start = 0): AsyncGenerator<Uint8Array> {
  for (let at = start; ; ) {
    const piece = await store.get(blob, { start: at, end: at + pieceSize })
    if (piece === undefined || piece.length === 0) return
    yield piece
    at += piece.length
  }
}

/** A checkpoint that stands in a run's log. */
export interface LogCheckpoint {
  readonly version: number
  /** Number of the call that it stands before. */
  readonly calls: number
  readonly cause: string
  readonly label?: string
  /** Milliseconds since the epoch. */
  readonly time: number
  /** Bytes of the image. */
  readonly size: number
  readonly module: { readonly name: string; readonly sha256: string; readonly size: number }
  /** First eight digits of the identity that took it. A fork begins at a checkpoint of another run. */
  readonly run: string
}

/** What a store has of a session's log: one run of it, and which others there are. */
export interface SessionLog {
  readonly session: string
  readonly run: string
  /** All that there are, this one included. */
  readonly runs: readonly string[]
  /** Of this run, by their first calls. */
  readonly segments: readonly LogSegment[]
  /** Those that stand in this run, ascending. */
  readonly checkpoints: readonly LogCheckpoint[]
}

/**
 * The log of one run, by default of the one that was written last. undefined where the session has none. Throws
 * STASIS_LOG_RUN where there is no run `wanted`.
 */
export async function findSessionLog(store: Store, session: string, wanted?: string): Promise<SessionLog | undefined> {
  const segments = await listSegments(store, session)
  const runs = [...new Set(segments.map(({ run }) => run))]
  if (runs.length === 0) return undefined
  const checkpoints = await listLogCheckpoints(store, session)
  if (wanted !== undefined && !runs.includes(wanted)) {
    const known = runs.join(', ')
    const message = `The session ${session} has no log of a run ${wanted}. There are: ${known}.`
    throw new StasisError('STASIS_LOG_RUN', message, { session, run: wanted, runs: known })
  }
  const run = wanted ?? newestRun(segments, checkpoints)
  const own = segments.filter((segment) => segment.run === run)
  return { session, run, runs, segments: own, checkpoints: checkpointsOf(run, own[0]!.firstCall, checkpoints) }
}

/** The intact checkpoints of all runs, ascending. */
export async function listLogCheckpoints(store: Store, session: string): Promise<readonly LogCheckpoint[]> {
  const versions = await listVersions(store, session)
  return versions.flatMap(({ version, size, content }): LogCheckpoint[] => {
    if (content.kind === 'damaged') return []
    const { session, calls, cause, label, time, module } = content.manifest
    const run = session.id.slice(0, 8)
    return [{ version, calls, cause, ...(label !== undefined && { label }), time, size, module, run }]
  })
}

/** A run's own ones, and that of another run which it began at. */
export function checkpointsOf(run: string, firstCall: number, all: readonly LogCheckpoint[]): readonly LogCheckpoint[] {
  const own = all.filter((checkpoint) => checkpoint.run === run)
  if (firstCall === 0 || own.some(({ calls }) => calls === firstCall)) return own
  const origin = all.findLast(({ calls }) => calls === firstCall)
  return origin === undefined ? own : [origin, ...own]
}

/** One process at a time runs a session, so that runs follow each other in time. */
function newestRun(segments: readonly LogSegment[], checkpoints: readonly LogCheckpoint[]): string {
  const taken = checkpoints.findLast(({ run }) => segments.some((segment) => segment.run === run))
  const fallback = taken?.run ?? segments.at(-1)!.run
  // Of equal times, that of the newest checkpoint's run counts.
  const newest = segments.reduce<LogSegment | undefined>((best, segment) => {
    const [a, b] = [best?.modified ?? Number.NEGATIVE_INFINITY, segment.modified ?? Number.NEGATIVE_INFINITY]
    return b > a || (b === a && segment.run === fallback) ? segment : best
  }, undefined)
  return newest?.run ?? fallback
}
