import { StasisError } from '../../wasm-shim/errors.ts'
import { prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { encodeInitialState } from '../../wasm-shim/wasi/save.ts'
import type { MountState } from '../../wasm-shim/wasi/state.ts'
import type { Engine } from '../engine/engine.ts'
import { captureLogOnly } from '../engine/log-only-error.ts'
import type { Manifest } from '../image/manifest.ts'
import { checkSessionName, parseAddress } from '../store/address.ts'
import { blameStored, listVersions, loadModule, type StoredImage, saveModule } from '../store/checkpoints.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { dropUnneeded, removeRun } from '../store/retention.ts'
import { listSegments } from '../store/session-log.ts'
import { type StartRecord, saveStart } from '../store/start-record.ts'
import type { SessionLock, Store } from '../store/store.ts'
import { ControlBlock } from './control-block.ts'
import { takeKeyframes } from './keyframes.ts'
import type { Beginning, FromGuest, LogSettings, Message } from './messages.ts'
import {
  type CommonOptions,
  checkCommon,
  checkEngine,
  checkKeys,
  environmentPairs,
  type RestoreOptions,
  restoreKeys,
  type StartOptions,
  startKeys,
} from './options.ts'
import { isPointUseless, type RestorePoint, restorePoints } from './restore-plan.ts'
import { type GuestPort, Session, type SessionEvent, type SessionParts } from './session.ts'

/** What the thread that serves people must provide for one session. */
export interface SessionHost {
  /** Starts the guest's thread, which runs `serveGuest`. `fail` is for a thread that ends without having said why. */
  spawnGuest(
    control: ControlBlock,
    receive: (message: Message<FromGuest>) => void,
    fail: (error: unknown) => void,
  ): GuestPort
  /** Milliseconds since the epoch. */
  now(): number
  /** A random UUID. */
  uuid(): string
  /** 64 lower-case hexadecimal digits. */
  sha256(bytes: Uint8Array): Promise<string>
  /** Calls `look` every so many milliseconds until the returned function is called. Absent where no log is kept. */
  every?(milliseconds: number, look: () => void): () => void
  /** Absent where there are no files. */
  readFile?(path: string): Promise<Uint8Array>
  /** A path that means the same in another working directory. Default: as it is. */
  absolutePath?(path: string): string
}

/** The module with what is known of it. */
type Program = SessionParts['module']

/**
 * Starts a program. Resolves once it runs; rejects, before it has run, with STASIS_OPTION_UNKNOWN, STASIS_SESSION_NAME,
 * STASIS_SESSION_BUSY, STASIS_SESSION_EXISTS, STASIS_IMPORT_UNKNOWN, or what is wrong with the module or the mounts.
 */
export async function startSession(host: SessionHost, options: StartOptions): Promise<Session> {
  checkKeys(options, startKeys, 'Session.start')
  checkCommon(options)
  checkEngine(options)
  const { store = new MemoryStore(), polls = 'default' } = options
  const id = host.uuid()
  const name = checkSessionName(options.name ?? `session-${id.slice(0, 8)}`)
  const module = await readProgram(host, options.module, options.moduleName)
  const { args = [module.name], env } = options
  const beginning = { args, env: environmentPairs(env), allowChangedFiles: false }
  const lock = await store.lock(name)
  try {
    await refuseExisting(store, name)
    const log = options.log === false ? undefined : logSettings(store, name, id, options, noTail)
    const path = typeof options.module === 'string' ? (host.absolutePath?.(options.module) ?? options.module) : ''
    const start = startRecord(host, options, { id, module, polls, path, args })
    if (log !== undefined) await saveStart(store, name, start)
    const keepEngine = async (engine: Engine['kind']) => {
      if (log !== undefined && start.engine !== engine) await saveStart(store, name, { ...start, engine })
    }
    const parts = { name, id, store, lock, module, polls, keepEngine, wantedEngine: options.engine }
    return await run(host, options, parts, beginning, log).catch(async (error) => {
      if (log !== undefined) await removeRun(store, name, id)
      throw error
    })
  } catch (error) {
    await lock.release()
    throw error
  }
}

function startRecord(
  host: SessionHost,
  { env, mounts = [], engine }: StartOptions,
  {
    id,
    module,
    polls,
    path,
    args,
  }: Pick<StartRecord, 'id' | 'polls'> & {
    readonly module: Program
    readonly path: string
    readonly args: readonly string[]
  },
): StartRecord {
  const { sha256, name, bytes } = module
  const states = mounts.map((grant): MountState => {
    const { guest, readOnly = false } = grant
    return 'memory' in grant
      ? { guest, kind: 'memory', source: null, readOnly }
      : { guest, kind: 'host', source: grant.host, readOnly }
  })
  const kernel = encodeInitialState(args, environmentPairs(env), states)
  return {
    id,
    module: { sha256, size: bytes.length, name, path },
    kernel,
    polls,
    engine: engine ?? null,
    time: Math.trunc(host.now()),
  }
}

/**
 * Goes on from a checkpoint: `calc`, `calc@3`, `calc@-1`. The bare name is the newest state: the newest checkpoint and, by
 * the call log, all that the program did after it. It goes on as the same session; any other version is a fork with an
 * identity of its own. Where the newest checkpoint or its log is of no use, the one before is tried, once, and an event
 * says so. Rejects, before the guest runs, with STASIS_VERSION_UNKNOWN, STASIS_IMAGE_*, STASIS_MODULE_MISSING,
 * STASIS_MODULE_DIFFERENT, STASIS_PRELINK_VERSION, STASIS_MOUNT_NOT_GRANTED, STASIS_MOUNT_UNKNOWN, STASIS_FILE_MISSING,
 * STASIS_FILE_CHANGED, STASIS_REPLAY_*, STASIS_LOG_*.
 */
export async function restoreSession(
  host: SessionHost,
  store: Store,
  address: string,
  options: RestoreOptions = {},
): Promise<Session> {
  checkKeys(options, restoreKeys, 'Session.restore')
  checkCommon(options)
  const wanted = parseAddress(address)
  checkSessionName(options.name ?? wanted.name)
  const [first, second] = await restorePoints(store, wanted)
  try {
    return await restoreAt(host, store, wanted.name, await first!(), options)
  } catch (error) {
    if (second === undefined || !isPointUseless(error)) throw error
    const point = await second()
    tell(options, { kind: 'fellBack', to: point.name, error: error as Error })
    return await restoreAt(host, store, wanted.name, point, options)
  }
}

async function restoreAt(
  host: SessionHost,
  store: Store,
  session: string,
  point: RestorePoint,
  options: RestoreOptions,
): Promise<Session> {
  const name = options.name ?? session
  const isElsewhere = name !== session
  const isFork = isElsewhere || !point.isNewest
  const lock = await store.lock(name)
  try {
    if (isElsewhere) await refuseExisting(store, name)
    const { base, tail } = point
    const module = await findProgram(host, store, base.kind === 'image' ? base.manifest : base.start, options.module)
    if (base.kind === 'image') checkPrelinker(base.manifest, base.image)
    const id = isFork ? host.uuid() : point.id
    const { allowChangedFiles = false } = options
    const from = base.kind === 'image' ? { image: base.image.bytes } : { kernel: base.start.kernel }
    const beginning = { args: [], env: [], ...from, allowChangedFiles }
    const { polls } = base.kind === 'image' ? base.manifest.prelink : base.start
    const tailPlace = isElsewhere ? store.logPlace?.(session) : undefined
    const settings = logSettings(store, name, id, options, { tail, tailOf: point.id, ...(tailPlace && { tailPlace }) })
    // Stacks are those of the instrumented engine, and a fork begins with a checkpoint.
    const own = base.kind === 'image' ? 'instrumented' : (base.start.engine ?? undefined)
    if (isFork && own === 'log-only') throw captureLogOnly()
    const wantedEngine = isFork ? 'instrumented' : own
    const parts = { name, id, store, lock, module, polls, wantedEngine }
    const restored = await run(host, options, parts, beginning, settings).catch((error) => {
      throw base.kind === 'image' ? blameStored(base.image, error) : error
    })
    // The log of a fork begins behind this checkpoint.
    if (isFork && settings !== undefined) restored.checkpoint({ cause: 'fork' }).catch(() => undefined)
    return restored
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** undefined where no log is kept. */
function logSettings(
  store: Store,
  name: string,
  id: string,
  { log = true, durable = false }: CommonOptions,
  tail: Pick<LogSettings, 'tail' | 'tailOf' | 'tailPlace'>,
): LogSettings | undefined {
  const place = store.logPlace?.(name)
  if (place === undefined) return undefined
  // Without a log of its own a session still goes on from the one that there is.
  if (!log && tail.tail.length === 0) return undefined
  return { place, session: id, durable, ...tail }
}

const noTail = { tail: [], tailOf: '' } as const

/** In a turn of its own: what the listener throws is an unhandled rejection, and no business of the session's. */
function tell({ onEvent }: CommonOptions, event: SessionEvent): void {
  void Promise.resolve(event).then(onEvent)
}

async function run(
  host: SessionHost,
  options: CommonOptions,
  {
    wantedEngine,
    ...parts
  }: Omit<SessionParts, 'control' | 'keep' | 'keepLog' | 'onEvent' | 'now' | 'retain'> & {
    readonly lock: SessionLock
    readonly wantedEngine: Engine['kind'] | undefined
  },
  beginning: Beginning,
  log: LogSettings | undefined,
): Promise<Session> {
  const { mounts = [], triggers = [], stopAfterSnapshot = false, keep = false } = options
  const { torture = 0, strace = false, keepLog = false, maxRecovery = defaultMaxRecovery } = options
  const { store, name, id } = parts
  const control = new ControlBlock()
  const whole: SessionParts = {
    ...parts,
    control,
    keep,
    keepLog: keepLog && log !== undefined,
    onEvent: (event) => tell(options, event),
    now: () => host.now(),
    ...(log && !keepLog && { retain: () => dropUnneeded(store, name, id) }),
  }
  const session = new Session(whole, (receive, fail) => host.spawnGuest(control, receive, fail))
  const { bytes, sha256 } = parts.module
  await session.begin({
    control: control.buffer,
    module: { bytes, sha256 },
    beginning,
    mounts,
    polls: parts.polls,
    ...(wantedEngine && { engine: wantedEngine }),
    triggers,
    stopAfterSnapshot,
    torture,
    strace,
    ...(log && { log }),
  })
  if (log !== undefined && host.every !== undefined) {
    const hasCheckpoints = session.engine === 'instrumented'
    const stopKeyframes = hasCheckpoints ? takeKeyframes(session, control, maxRecovery, host.every) : () => undefined
    const stopModule = keepModule(host, parts)
    void session.done.then(() => {
      stopKeyframes()
      stopModule()
    })
  }
  return session
}

/** Milliseconds of work that a crash may make necessary to do again. */
const defaultMaxRecovery = 5000
/** Milliseconds after which a program is worth a copy of its module in the store. */
const moduleDelay = 2000

/** The log is of no use without the module; a program that ends soon needs neither. */
function keepModule(host: SessionHost, { store, module }: Pick<SessionParts, 'store' | 'module'>): () => void {
  const stop = host.every!(moduleDelay, () => {
    stop()
    // Where that fails, the module is found where it was, if it is still there.
    saveModule(store, module.sha256, module.bytes).catch(() => undefined)
  })
  return stop
}

async function readProgram(host: SessionHost, module: Uint8Array | string, name?: string): Promise<Program> {
  if (module instanceof Uint8Array) {
    return { bytes: module, sha256: await host.sha256(module), name: name ?? 'module.wasm' }
  }
  if (typeof module !== 'string') throw new StasisError('STASIS_OPTION', 'module is neither a Uint8Array nor a path.')
  if (host.readFile === undefined) {
    throw new StasisError('STASIS_OPTION', 'This host has no files: give the module as bytes.', { module })
  }
  const bytes = await host.readFile(module)
  return { bytes, sha256: await host.sha256(bytes), name: name ?? module.split(/[\\/]/).at(-1) ?? module }
}

/** A name stands for one line of versions: a new program must not go on with another one's. */
async function refuseExisting(store: Store, name: string): Promise<void> {
  const isFree = (await listVersions(store, name)).length === 0 && (await listSegments(store, name)).length === 0
  if (isFree) return
  throw new StasisError(
    'STASIS_SESSION_EXISTS',
    `There is a session ${name} already. Restore it ("stasis restore ${name}"), remove it ` +
      `("stasis rm ${name}"), or choose another name.`,
    { name },
  )
}

async function findProgram(
  host: SessionHost,
  store: Store,
  { module: { sha256, name, path = '' } }: { readonly module: Manifest['module'] & { readonly path?: string } },
  given: Uint8Array | string | undefined,
): Promise<Program> {
  const program =
    given === undefined
      ? ((await programAt(host, path, sha256, name)) ?? (await storedProgram(host, store, sha256, name)))
      : await readProgram(host, given, name)
  if (program.sha256 === sha256) return program
  throw new StasisError(
    'STASIS_MODULE_DIFFERENT',
    `The checkpoint belongs to the module ${name} with SHA-256 ${sha256}, and ` +
      `${given === undefined ? 'what the store has under that hash' : 'the one given'} has ${program.sha256}. ` +
      'Give the module that the session was started with.',
    { expected: sha256, found: program.sha256 },
  )
}

/** Where it was when the session began, if what is there now is the same. */
async function programAt(host: SessionHost, path: string, sha256: string, name: string): Promise<Program | undefined> {
  if (path === '') return undefined
  const program = await readProgram(host, path, name).catch(() => undefined)
  return program?.sha256 === sha256 ? program : undefined
}

async function storedProgram(host: SessionHost, store: Store, sha256: string, name: string): Promise<Program> {
  const bytes = await loadModule(store, sha256)
  if (bytes !== undefined) return { bytes, sha256: await host.sha256(bytes), name }
  throw new StasisError(
    'STASIS_MODULE_MISSING',
    `The store ${store.url} does not have the module ${name} (SHA-256 ${sha256}). Give the module that the session was started with.`,
    { name, sha256 },
  )
}

function checkPrelinker({ prelink: { version } }: Manifest, { location }: StoredImage): void {
  if (version === prelinkVersion) return
  throw new StasisError(
    'STASIS_PRELINK_VERSION',
    `The checkpoint ${location} was taken by version ${version} of the pre-linker, and this build of Stasis has version ` +
      `${prelinkVersion}. Restore it with the Stasis that wrote it.`,
    { version, supported: prelinkVersion },
  )
}
