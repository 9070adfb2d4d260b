import { StasisError } from '../../wasm-shim/errors.ts'
import type { Engine } from '../engine/engine.ts'
import type { LogPlace } from '../log/storage.ts'
import { listVersions, saveModule } from '../store/checkpoints.ts'
import { hasRules } from '../store/kept.ts'
import { leaseName } from '../store/lease.ts'
import { dropUnneeded } from '../store/retention.ts'
import { listSegments } from '../store/session-log.ts'
import type { SessionLock, Store } from '../store/store.ts'
import { ControlBlock } from './control-block.ts'
import type { SessionEvent } from './events.ts'
import { takeKeyframes } from './keyframes.ts'
import type { Beginning, LogSettings } from './messages.ts'
import { replaceOnStack } from './on-stack-replacement.ts'
import type { CommonOptions } from './options.ts'
import type { SessionParts } from './parts.ts'
import { Session } from './session.ts'
import type { SessionHost } from './session-host.ts'

/** What is known of a session before it runs. */
export type LaunchParts = Pick<SessionParts, 'name' | 'id' | 'store' | 'module' | 'polls'> & {
  readonly lock: SessionLock
}

/** Of a session that does not go on yet. */
export interface StandbyHooks {
  /** Before its program is handed over. */
  readonly onMade: (session: Session) => void
  readonly onCaughtUp: (generation: number) => void
  /** Its files are somebody else's. */
  readonly isWaiting: () => boolean
}

/** Makes the session and hands its program to the guest's thread. Resolves once that runs. */
export async function launch(
  host: SessionHost,
  options: CommonOptions,
  {
    wantedEngine,
    ...parts
  }: Omit<SessionParts, 'control' | 'keep' | 'keepLog' | 'onEvent' | 'now' | 'retain'> & {
    readonly lock: SessionLock
    /** Absent: the instrumented one, if that can take the module. */
    readonly wantedEngine?: Engine['kind'] | undefined
  },
  beginning: Beginning,
  log: LogSettings | undefined,
  standby?: StandbyHooks,
): Promise<Session> {
  const { mounts = [], triggers = [], stopAfterSnapshot = false, keep = false } = options
  const { torture = 0, strace = false, keepLog = false, maxRecovery = defaultMaxRecovery } = options
  const { osr = true, retention = {}, returnFiles = false, maxFileBytes = defaultMaxFileBytes } = options
  const { store, name, id } = parts
  const control = new ControlBlock(host.controlBuffer?.())
  const isLogged = log !== undefined && log.replay === undefined
  const whole: SessionParts = {
    ...parts,
    control,
    keep,
    keepLog: keepLog && log !== undefined,
    onEvent: (event) => tell(options, event),
    now: () => host.now(),
    ...(host.pause && { pause: () => host.pause!() }),
    ...(host.equal && { equal: (a, b) => host.equal!(a, b) }),
    ...((hasRules(retention) || (isLogged && !keepLog)) && {
      retain: () => dropUnneeded(store, name, id, { rules: retention, keepLog: !isLogged || keepLog, now: host.now() }),
    }),
    ...(isLogged && host.every && { settle: keepModule(host, parts) }),
    ...(standby && { onCaughtUp: standby.onCaughtUp, isWaiting: standby.isWaiting }),
  }
  const session = new Session(whole, (receive, fail) => host.spawnGuest(control, receive, fail))
  const { bytes, sha256 } = parts.module
  standby?.onMade(session)
  // Also while calls are made again by the log.
  if (osr && control.isShared && host.every !== undefined) {
    void session.done.then(replaceOnStack(control, bytes.length, host.every))
  }
  await session.begin({
    control: control.buffer,
    module: { bytes, sha256 },
    beginning,
    mounts,
    polls: parts.polls,
    ...(wantedEngine && { engine: wantedEngine }),
    triggers,
    stopAfterSnapshot,
    returnFiles,
    torture,
    maxFileBytes,
    strace,
    ...(log && { log }),
  })
  if (isLogged && session.engine === 'instrumented' && host.every !== undefined) {
    void session.done.then(takeKeyframes(session, control, maxRecovery, host.every))
  }
  return session
}

/** Milliseconds of work that a crash may make necessary to do again. */
const defaultMaxRecovery = 5000
/** Bytes of files that a checkpoint carries: a quarter of a second from the page cache of a common machine. */
export const defaultMaxFileBytes: number = 256_000_000
/** Milliseconds after which a program is worth a copy of its module in the store. */
const moduleDelay = 2000

/** The log is of no use without the module; a program that ends soon needs neither. Returns what ends it. */
function keepModule(host: SessionHost, { store, module }: Pick<SessionParts, 'store' | 'module'>): () => Promise<void> {
  let saving = Promise.resolve()
  const stop = host.every!(moduleDelay, () => {
    stop()
    // Where that fails, the module is found where it was, if it is still there.
    saving = saveModule(store, module.sha256, module.bytes).catch(() => undefined)
  })
  return () => {
    stop()
    return saving
  }
}

export const logPlace = (host: SessionHost, store: Store, session: string): LogPlace | undefined =>
  host.logPlace === undefined ? store.logPlace?.(session) : host.logPlace(store, session)

/** How the session's calls are logged; undefined where they are not. */
export function logSettings(
  host: SessionHost,
  store: Store,
  name: string,
  id: string,
  { log = true, durable = false }: CommonOptions,
  tail: Pick<LogSettings, 'tail' | 'tailOf' | 'tailPlace'>,
): LogSettings | undefined {
  const place = logPlace(host, store, name)
  if (place === undefined) return undefined
  // Without a log of its own a session still goes on from the one that there is.
  if (!log && tail.tail.length === 0) return undefined
  return { place, session: id, durable, ...tail }
}

/** In a turn of its own: what the listener throws is an unhandled rejection, and no business of the session's. */
export function tell({ onEvent }: CommonOptions, event: SessionEvent): void {
  void Promise.resolve(event).then(onEvent)
}

/** A name stands for one line of versions: a new program must not go on with another one's. */
export async function refuseExisting(store: Store, name: string): Promise<void> {
  const isFree = (await listVersions(store, name)).length === 0 && (await listSegments(store, name)).length === 0
  // What says where an earlier session of the name has gone is no matter to a new one.
  if (isFree) return void (await store.delete(leaseName(name)))
  throw new StasisError(
    'STASIS_SESSION_EXISTS',
    `There is a session ${name} already. Restore it ("stasis restore ${name}"), remove it ` +
      `("stasis rm ${name}"), or choose another name.`,
    { name },
  )
}
