import { StasisError } from '../../wasm-shim/errors.ts'
import { prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { readHead } from '../image/head.ts'
import type { Manifest } from '../image/manifest.ts'
import { checkSessionName, parseAddress } from '../store/address.ts'
import {
  blameStored,
  listVersions,
  loadCheckpoint,
  loadModule,
  readStored,
  type StoredImage,
} from '../store/checkpoints.ts'
import { MemoryStore } from '../store/memory-store.ts'
import type { SessionLock, Store } from '../store/store.ts'
import { ControlBlock } from './control-block.ts'
import type { Beginning, FromGuest, Message } from './messages.ts'
import {
  type CommonOptions,
  checkCommon,
  checkKeys,
  environmentPairs,
  type RestoreOptions,
  restoreKeys,
  type StartOptions,
  startKeys,
} from './options.ts'
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
  /** Absent where there are no files. */
  readFile?(path: string): Promise<Uint8Array>
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
  const { store = new MemoryStore(), polls = 'default' } = options
  const id = host.uuid()
  const name = checkSessionName(options.name ?? `session-${id.slice(0, 8)}`)
  const module = await readProgram(host, options.module, options.moduleName)
  const { args = [module.name], env } = options
  const beginning = { args, env: environmentPairs(env), allowChangedFiles: false }
  const lock = await store.lock(name)
  try {
    await refuseExisting(store, name)
    return await run(host, options, { name, id, store, lock, module, polls }, beginning)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/**
 * Goes on from a checkpoint: `calc`, `calc@3`, `calc@-1`. The newest version goes on as the same session; any other one is
 * a fork with an identity of its own. Rejects, before the guest runs, with STASIS_VERSION_UNKNOWN, STASIS_IMAGE_*,
 * STASIS_MODULE_MISSING, STASIS_MODULE_DIFFERENT, STASIS_PRELINK_VERSION, STASIS_MOUNT_NOT_GRANTED, STASIS_MOUNT_UNKNOWN,
 * STASIS_FILE_MISSING, STASIS_FILE_CHANGED.
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
  const name = checkSessionName(options.name ?? wanted.name)
  const isFork = name !== wanted.name
  const lock = await store.lock(name)
  try {
    if (isFork) await refuseExisting(store, name)
    const image = await loadCheckpoint(store, wanted)
    const { manifest } = readStored(image, readHead)
    const module = await findProgram(host, store, manifest, options.module)
    checkPrelinker(manifest, image)
    const id = image.isNewest && !isFork ? manifest.session.id : host.uuid()
    const { allowChangedFiles = false } = options
    const beginning = { args: [], env: [], image: image.bytes, allowChangedFiles }
    const { polls } = manifest.prelink
    return await run(host, options, { name, id, store, lock, module, polls }, beginning).catch((error) => {
      throw blameStored(image, error)
    })
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function run(
  host: SessionHost,
  options: CommonOptions,
  parts: Omit<SessionParts, 'control' | 'keep' | 'onEvent' | 'now'> & { readonly lock: SessionLock },
  beginning: Beginning,
): Promise<Session> {
  const { mounts = [], triggers = [], stopAfterSnapshot = false, keep = false } = options
  const { torture = 0 } = options
  const control = new ControlBlock()
  // In a turn of its own: what the listener throws is an unhandled rejection, and no business of the session's.
  const onEvent = (event: SessionEvent) => void Promise.resolve(event).then(options.onEvent)
  const session = new Session({ ...parts, control, keep, onEvent, now: () => host.now() }, (receive, fail) =>
    host.spawnGuest(control, receive, fail),
  )
  const { bytes, sha256 } = parts.module
  return session.begin({
    control: control.buffer,
    module: { bytes, sha256 },
    beginning,
    mounts,
    polls: parts.polls,
    triggers,
    stopAfterSnapshot,
    torture,
  })
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
  if ((await listVersions(store, name)).length === 0) return
  throw new StasisError(
    'STASIS_SESSION_EXISTS',
    `There are checkpoints of a session ${name} already. Restore it ("stasis restore ${name}"), remove it ` +
      `("stasis rm ${name}"), or choose another name.`,
    { name },
  )
}

async function findProgram(
  host: SessionHost,
  store: Store,
  { module: { sha256, name } }: Manifest,
  given: Uint8Array | string | undefined,
): Promise<Program> {
  const program =
    given === undefined ? await storedProgram(host, store, sha256, name) : await readProgram(host, given, name)
  if (program.sha256 === sha256) return program
  throw new StasisError(
    'STASIS_MODULE_DIFFERENT',
    `The checkpoint belongs to the module ${name} with SHA-256 ${sha256}, and ` +
      `${given === undefined ? 'what the store has under that hash' : 'the one given'} has ${program.sha256}. ` +
      'Give the module that the session was started with.',
    { expected: sha256, found: program.sha256 },
  )
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
