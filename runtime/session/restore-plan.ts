import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { readHead } from '../image/head.ts'
import type { Manifest } from '../image/manifest.ts'
import { type Address, formatAddress } from '../store/address.ts'
import { listVersions, loadCheckpoint, readStored, type StoredImage, type VersionInfo } from '../store/checkpoints.ts'
import { listSegments } from '../store/session-log.ts'
import { loadStart, type StartRecord } from '../store/start-record.ts'
import type { Store } from '../store/store.ts'

/** Where a session may go on: at a checkpoint or at its beginning, and the pieces of log that follow. */
export interface RestorePoint {
  readonly base:
    | { readonly kind: 'image'; readonly image: StoredImage; readonly manifest: Manifest }
    | { readonly kind: 'start'; readonly start: StartRecord }
  /** Identity of the run that wrote it. */
  readonly id: string
  readonly tail: readonly { readonly name: string; readonly firstCall: number }[]
  /** It is the newest state, so that the session goes on as what it was; else it is a fork. */
  readonly isNewest: boolean
  /** For people: `calc@3`, or how the session began. */
  readonly name: string
  /** What is wrong with a newer checkpoint, in the place of which this point is. */
  readonly instead?: StasisError
}

/**
 * The points that an address may mean, the best first. The bare name, or version 0, is the newest state: the newest
 * checkpoint and what the log has after it; where that is of no use, the one before and more of the log, at last the
 * beginning. Any other version is that checkpoint alone. Throws STASIS_VERSION_UNKNOWN and what is wrong with the only one.
 */
export async function restorePoints(store: Store, wanted: Address): Promise<readonly (() => Promise<RestorePoint>)[]> {
  if (wanted.version !== 0) return [() => checkpointAlone(store, wanted)]
  const { versions, newest, start, points } = await newestRun(store, wanted.name)
  if (start?.ended !== undefined && start.ended !== null) {
    if (newest === undefined) throw over(wanted.name, start.ended)
    const address = { name: wanted.name, version: newest.version }
    return [async () => ({ ...(await checkpointAlone(store, address)), isNewest: false })]
  }
  if (points.length === 0 && versions.length === 0 && (await listSegments(store, wanted.name)).length > 0) {
    throw halfRemoved(wanted.name)
  }
  // Names what is missing, or damaged.
  if (points.length === 0) return [() => checkpointAlone(store, wanted)]
  const last = versions.at(-1)?.content
  const [first, ...others] = points
  if (last?.kind !== 'damaged') return points
  return [async () => ({ ...(await first!()), instead: last.error }), ...others]
}

/**
 * The points from which a session can be run again, the latest first, each with all of the log after it. `version` 0: all
 * of the newest run; else that checkpoint alone. Throws STASIS_VERSION_UNKNOWN.
 */
export async function replayPoints(store: Store, wanted: Address): Promise<readonly RestorePoint[]> {
  if (wanted.version !== 0) return [await withTail(store, wanted)]
  const { points } = await newestRun(store, wanted.name)
  return points.length > 0 ? Promise.all(points.map((point) => point())) : [await checkpointAlone(store, wanted)]
}

/** The run that wrote the newest checkpoint, or that began and has none. */
async function newestRun(store: Store, name: string) {
  const versions = await listVersions(store, name)
  const loading = loadStart(store, name)
  const found = versions.length > 0 ? await loading.catch(() => undefined) : await loading
  const intact = versions.filter(({ content }) => content.kind === 'intact')
  const newest = intact.at(-1)
  const id = newest === undefined ? found?.id : idOf(newest)
  const start = found?.id === id ? found : undefined
  const own = intact.filter((version) => idOf(version) === id).reverse()
  const points = own.map(
    ({ version }) =>
      () =>
        withTail(store, { name, version }),
  )
  if (start !== undefined) {
    const point = await fromStart(store, name, start)
    const missing = point.tail[0]?.firstCall ?? 0
    if (missing === 0) points.push(async () => point)
    else if (points.length === 0) throw logMissing(name, missing)
  }
  return { versions, newest, start, points }
}

function over(name: string, code: number): StasisError {
  const message = `The program of ${name} has ended with code ${code}, and has no checkpoint to go on from. "stasis log ${name}" shows what it did.`
  return new StasisError('STASIS_SESSION_OVER', message, { name, code })
}

function halfRemoved(name: string): StasisError {
  const message = `The program of ${name} has ended, and its process was killed while it removed the session's files. Remove the rest: stasis rm ${name}.`
  return new StasisError('STASIS_SESSION_OVER', message, { name })
}

function logMissing(name: string, call: number): StasisError {
  const message = `${name} has no checkpoint that can be used, and the log of its first ${call} calls is missing, so that nothing tells what the program was. Begin again: stasis rm ${name}, then stasis run.`
  return new StasisError('STASIS_LOG_MISSING', message, { name, call })
}

const idOf = ({ content }: VersionInfo): string | undefined =>
  content.kind === 'intact' ? content.manifest.session.id : undefined

/** The segments of a run's log behind so many calls. */
export async function tailOf(store: Store, session: string, id: string, calls: number): Promise<RestorePoint['tail']> {
  const segments = await listSegments(store, session)
  return segments
    .filter(({ run, firstCall }) => run === id.slice(0, 8) && firstCall >= calls)
    .map(({ blob, firstCall }) => ({ name: blob.slice(blob.lastIndexOf('/') + 1), firstCall }))
}

async function withTail(store: Store, address: Address): Promise<RestorePoint> {
  const point = await checkpointAlone(store, address)
  if (point.base.kind !== 'image') return point
  const tail = await tailOf(store, address.name, point.id, point.base.manifest.calls)
  return { ...point, tail, isNewest: true }
}

async function checkpointAlone(store: Store, address: Address): Promise<RestorePoint> {
  const image = await loadCheckpoint(store, address)
  const { manifest } = readStored(image, readHead)
  const { id } = manifest.session
  const tail = image.isNewest ? await tailOf(store, address.name, id, manifest.calls) : []
  return {
    base: { kind: 'image', image, manifest },
    id,
    tail: [],
    isNewest: image.isNewest && tail.length === 0,
    name: formatAddress(image.address),
  }
}

async function fromStart(store: Store, name: string, start: StartRecord): Promise<RestorePoint> {
  const tail = await tailOf(store, name, start.id, 0)
  return { base: { kind: 'start', start }, id: start.id, tail, isNewest: true, name: `the beginning of ${name}` }
}

/** What makes a restore point useless, so that an older one is worth a try. */
export function isPointUseless(error: unknown): boolean {
  return (
    isStasisError(error) &&
    /^STASIS_(IMAGE_|CKP_|KERNEL_STATE_DAMAGED$|REPLAY_|LOG_(DAMAGED|NOTE|SESSION|FOREIGN|VERSION|CHUNK)|VERSION_UNKNOWN$)/.test(
      error.code,
    )
  )
}
