import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { captureLogOnly } from '../engine/log-only-error.ts'
import { type Address, parseAddress } from '../store/address.ts'
import { checkWhole } from '../store/lease.ts'
import type { Store } from '../store/store.ts'
import { launch, logPlace, refuseExisting } from './launch.ts'
import type { ReplaySettings } from './messages.ts'
import { type CommonOptions, checkCommon, checkKeys } from './options.ts'
import type { CheckpointInfo } from './outcome.ts'
import { checkPrelinker, findProgram } from './program.ts'
import { type RestorePoint, replayPoints } from './restore-plan.ts'
import type { Session } from './session.ts'
import type { SessionHost } from './session-host.ts'

export interface ReplayOptions extends Pick<CommonOptions, 'mounts' | 'onEvent' | 'strace'> {
  /** Stop before the call of this number, from 0 on as in the log. Default: at the log's end. */
  readonly until?: number
  /** Stop before the first call of a function: `fd_write`, or the beginning of names and `*`: `path_*`. */
  readonly break?: string
  /** Number of the first call at which `break` counts. Default: the first one that is replayed. */
  readonly from?: number
  /** Show again what the program wrote to its stdout and stderr. Default true. */
  readonly echo?: boolean
  /** Tell by an event what the program had written below its host directories. Begins at its beginning. Default false. */
  readonly files?: boolean
  /** Where the checkpoint goes that is taken where the replay stops, and the name of its session. */
  readonly store: Store
  readonly name: string
}

const replayKeys: Readonly<Record<keyof ReplayOptions, true>> = {
  mounts: true,
  onEvent: true,
  strace: true,
  until: true,
  break: true,
  from: true,
  echo: true,
  files: true,
  store: true,
  name: true,
}

/**
 * Runs a session again by its log, without the host: nothing is read, written or waited for. It ends with a checkpoint
 * (`suspended`) of a new session where `options` say, at the latest where the log ends; with the exit code where the
 * program had ended; with an error where it does something else than the log says. Starts at the latest checkpoint from
 * which that can be reached. Rejects with STASIS_REPLAY_RANGE for a call that the log does not reach, and as `restoreSession`.
 */
export async function replaySession(
  host: SessionHost,
  store: Store,
  address: string,
  options: ReplayOptions,
): Promise<Session> {
  checkKeys(options, replayKeys, 'Session.replay')
  checkCommon(options)
  const wanted = parseAddress(address)
  await checkWhole(store, wanted.name)
  const point = options.files
    ? await beginning(store, wanted.name)
    : await pointBefore(store, wanted, options.until ?? options.from)
  const { base, tail } = point
  const calls = callsOf(point)
  const module = await findProgram(host, store, base.kind === 'image' ? base.manifest : base.start, undefined)
  if (base.kind === 'image') checkPrelinker(base.manifest, base.image)
  const id = host.uuid()
  const { name } = options
  const lock = await options.store.lock(name)
  try {
    await refuseExisting(options.store, name)
    const from = base.kind === 'image' ? { image: base.image.bytes } : { kernel: base.start.kernel }
    const place = logPlace(host, store, wanted.name)
    if (place === undefined) {
      throw new StasisError('STASIS_LOG_PLACE', `The store ${store.url} keeps no call logs.`, { name: wanted.name })
    }
    const { until, echo = true, files = false } = options
    const replay: ReplaySettings = {
      echo,
      files,
      ...(until !== undefined && { until }),
      ...(options.break !== undefined && { break: { name: options.break, from: options.from ?? calls } }),
    }
    const log = { place, session: id, tail, tailOf: point.id, durable: false, replay }
    const polls = base.kind === 'image' ? base.manifest.prelink.polls : base.start.polls
    const common: CommonOptions = {
      ...(options.mounts && { mounts: options.mounts }),
      ...(options.onEvent && { onEvent: options.onEvent }),
      ...(options.strace && { strace: true }),
      stopAfterSnapshot: true,
      keep: true,
    }
    const wantedEngine = base.kind === 'image' ? 'instrumented' : (base.start.engine ?? undefined)
    const parts = { name, id, store: options.store, lock, module, polls, wantedEngine } as const
    return await launch(host, common, parts, { args: [], env: [], ...from, allowChangedFiles: true }, log)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** `mounts`: the directories below overlays, which a replay reads. */
export type ForkOptions = Pick<CommonOptions, 'onEvent' | 'mounts'>

/**
 * Makes a session `name` in the same store of a state of another one: a version, or the newest state. Resolves to its
 * first checkpoint. Rejects as `replaySession`, and with what ended the program where it had ended.
 */
export async function forkSession(
  host: SessionHost,
  store: Store,
  address: string,
  name: string,
  options: ForkOptions = {},
): Promise<CheckpointInfo> {
  const wanted = parseAddress(address)
  const [latest] = await replayPoints(store, wanted)
  const until = wanted.version === 0 ? Number.MAX_SAFE_INTEGER : callsOf(latest!)
  const session = await replaySession(host, store, address, { ...options, store, name, until, echo: false })
  const outcome = await session.done
  if (outcome.kind === 'suspended') return outcome.checkpoint
  if (outcome.kind === 'trapped') throw outcome.error
  if (outcome.kind === 'stopped') throw captureLogOnly()
  const message = `The program of ${wanted.name} had ended with code ${outcome.code}: there is nothing to go on from. Fork one of its checkpoints.`
  throw new StasisError('STASIS_SESSION_OVER', message, { name: wanted.name, code: outcome.code })
}

const callsOf = ({ base }: RestorePoint): number => (base.kind === 'image' ? base.manifest.calls : 0)

/** Throws STASIS_FILES_UNKNOWN where the log does not reach back so far. */
async function beginning(store: Store, name: string): Promise<RestorePoint> {
  const points = await replayPoints(store, { name, version: 0 }).catch((error) => {
    if (isStasisError(error) && error.code === 'STASIS_LOG_MISSING') return []
    throw error
  })
  const point = points.at(-1)
  if (point?.base.kind === 'start' && point.tail[0]?.firstCall === 0) return point
  const message = `What ${name} wrote is known only from its log, which does not reach back to its beginning. Run sessions with --keep-log, or restore with --files keep.`
  throw new StasisError('STASIS_FILES_UNKNOWN', message, { name })
}

/** The latest point from which the log leads to `call`; without one the earliest, so that all there is can be seen. */
async function pointBefore(store: Store, wanted: Address, call: number | undefined): Promise<RestorePoint> {
  const points = await replayPoints(store, wanted)
  const reached = points.filter((point) => call === undefined || callsOf(point) <= call)
  const found = call === undefined ? reached.at(-1) : reached[0]
  if (found !== undefined) return found
  const { name } = wanted
  const first = callsOf(points.at(-1)!)
  throw new StasisError(
    'STASIS_REPLAY_RANGE',
    `The log of ${name} begins at call ${first}; what came before was dropped. A session that is run with --keep-log keeps it.`,
    { name, call: call ?? 0, first },
  )
}
