import { StasisError } from '../../wasm-shim/errors.ts'
import { usesHostFiles } from '../../wasm-shim/wasi/host-files.ts'
import { decodeState, restoreWritten, type SavedState } from '../../wasm-shim/wasi/saved-state.ts'
import { decodeCheckpoint } from '../image/decode.ts'
import { followerBytes, LogFollower } from '../log/followed.ts'
import { listVersions, readStored } from '../store/checkpoints.ts'
import { listSegments, segmentName } from '../store/session-log.ts'
import type { SessionLock, Store } from '../store/store.ts'
import { launch, logSettings } from './launch.ts'
import type { CommonOptions } from './options.ts'
import { checkPrelinker, findProgram } from './program.ts'
import { type RestorePoint, restorePoints } from './restore-plan.ts'
import type { Session } from './session.ts'
import type { SessionHost } from './session-host.ts'

/** Milliseconds for what its log tells; one that has more to do again is no help. */
const patience = 3000

interface Begun {
  readonly name: string
  readonly id: string
  readonly version: number
  readonly calls: number
}

/**
 * A session that stands by to go on in the place of one that runs elsewhere and whose log comes bit by bit: its program is
 * compiled, its memory filled from the newest checkpoint, and every call of the log made again as it comes. Before `goOn`
 * the store's files are only read, and no lock is taken: whoever brings them holds it.
 */
export class Standby {
  readonly #store: Store
  readonly #every: SessionHost['every']
  readonly #begun: Begun
  readonly #segments: string
  readonly #follower: LogFollower
  #lock: SessionLock | undefined
  #isOurs = false
  #session: Session | undefined
  #reached = -1
  #wake: () => void = () => undefined
  #failure: Error | undefined
  readonly #started: Promise<Session>

  /** Throws STASIS_STANDBY where the session cannot stand by, and what `restoreSession` does. */
  static async prepare(host: SessionHost, store: Store, name: string, options: CommonOptions): Promise<Standby> {
    const [newest] = await restorePoints(store, { name, version: 0 })
    const point = await newest?.()
    if (point?.base.kind !== 'image' || point.instead !== undefined || !point.isNewest) {
      throw unable(name, 'it has no checkpoint to begin with')
    }
    const { image, manifest } = point.base
    const { stacks, kernel } = readStored(image, decodeCheckpoint)
    const [stack] = stacks
    if (stack?.entry.kind !== 'export' || stack.entry.name !== '_start') {
      throw unable(name, 'it is called by its host, which a log does not tell')
    }
    refuseHostFiles(name, decodeState(kernel), options)
    checkPrelinker(manifest, image)
    const module = await findProgram(host, store, manifest, undefined)
    const begun = { name, id: point.id, version: image.address.version, calls: manifest.calls }
    return new Standby(host, store, begun, point, module, await tailOf(store, begun), options)
  }

  private constructor(
    host: SessionHost,
    store: Store,
    begun: Begun,
    { base }: RestorePoint,
    module: Awaited<ReturnType<typeof findProgram>>,
    tail: readonly { readonly name: string; readonly firstCall: number }[],
    options: CommonOptions,
  ) {
    const { name, id } = begun
    this.#store = store
    this.#every = host.every && ((milliseconds, look) => host.every!(milliseconds, look))
    this.#begun = begun
    this.#segments = tail.map((segment) => segment.name).join()
    const follow = new SharedArrayBuffer(followerBytes)
    this.#follower = new LogFollower(follow)
    const settings = logSettings(host, store, name, id, options, { tail, tailOf: id })
    if (base.kind !== 'image' || settings === undefined) throw unable(name, 'no log is kept here')
    const lock = { release: async () => this.#lock?.release() }
    const parts = { name, id, store, lock, module, polls: base.manifest.prelink.polls } as const
    const beginning = { args: [], env: [], image: base.image.bytes, allowChangedFiles: false }
    this.#started = launch(
      host,
      options,
      { ...parts, wantedEngine: 'instrumented' },
      beginning,
      { ...settings, follow },
      {
        onMade: (session) => {
          this.#session = session
        },
        onCaughtUp: (generation) => {
          this.#reached = generation
          this.#wake()
        },
        isWaiting: () => !this.#isOurs,
      },
    )
    this.#started.then(
      () => this.#isOurs || this.#fail(unable(name, 'it went on by itself')),
      (error: Error) => this.#fail(error),
    )
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }

  /** Whether what the store has of the session by now can still be followed: no newer checkpoint, no other segment. */
  async isCurrent(): Promise<boolean> {
    const { name, version } = this.#begun
    const newest = (await listVersions(this.#store, name)).at(-1)?.version
    const segments = (await tailOf(this.#store, this.#begun)).map((segment) => segment.name).join()
    return this.#failure === undefined && newest === version && segments === this.#segments
  }

  /** Resolves when every call that the log has now was made again. Rejects with what the program failed with. */
  async catchUp(): Promise<void> {
    const wanted = this.#follower.grown()
    const stop = this.#every?.(patience, () => this.#fail(unable(this.#begun.name, 'its log takes too long')))
    while (this.#failure === undefined && this.#reached < wanted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    stop?.()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** There is more of the log: it need not be waited for. */
  hasGrown(): void {
    this.#follower.grown()
  }

  /**
   * The session is this store's own and its log complete: goes on behind it. The lock belongs to the session from now on,
   * and is released where this rejects.
   */
  async goOn(lock: SessionLock): Promise<Session> {
    this.#lock = lock
    if (this.#failure !== undefined) {
      await lock.release()
      throw this.#failure
    }
    this.#isOurs = true
    this.#follower.end()
    return this.#started
  }

  /** Forgets it. Does nothing after `goOn`. */
  async discard(): Promise<void> {
    if (this.#isOurs) return
    this.#fail(unable(this.#begun.name, 'it was not wanted any more'))
    await this.#session?.terminate()
    await this.#started.catch(() => undefined)
  }
}

/** A log does not tell what is in files; where none of the host's is written or open, any directory will do. */
function refuseHostFiles(name: string, saved: SavedState, { mounts: grants = [] }: CommonOptions): void {
  const { mounts } = saved
  const written = restoreWritten(saved.written, mounts)
  if (usesHostFiles({ mounts, written, fds: saved.fds.map((one) => one?.descriptor ?? null) })) {
    throw unable(name, 'it has written files of its host or holds them open, whose contents a log does not tell')
  }
  const isGranted = (guest: string) => grants.some((grant) => grant.guest === guest)
  const missing = mounts.find(({ guest, kind }) => kind !== 'memory' && !isGranted(guest))
  if (missing !== undefined) throw unable(name, `${missing.guest} is not granted here, and a log leads on`)
}

/** The segments behind the checkpoint; where the first one is not there yet, that one. */
async function tailOf(store: Store, { name, id, calls }: Begun) {
  const segments = (await listSegments(store, name))
    .filter(({ run, firstCall }) => run === id.slice(0, 8) && firstCall >= calls)
    .map(({ blob, firstCall }) => ({ name: blob.slice(blob.lastIndexOf('/') + 1), firstCall }))
  return segments.length > 0 ? segments : [{ name: segmentName(calls, id), firstCall: calls }]
}

function unable(name: string, why: string): StasisError {
  return new StasisError('STASIS_STANDBY', `${name} cannot stand by: ${why}.`, { session: name })
}
