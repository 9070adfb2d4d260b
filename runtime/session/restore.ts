import { StasisError } from '../../wasm-shim/errors.ts'
import { captureLogOnly } from '../engine/log-only-error.ts'
import { type Address, checkSessionName, parseAddress } from '../store/address.ts'
import { blameStored } from '../store/checkpoints.ts'
import { checkWhole, claimLease, forkLease } from '../store/lease.ts'
import type { Store } from '../store/store.ts'
import { settleFiles } from './files/settle-files.ts'
import { launch, logPlace, logSettings, refuseExisting, tell } from './launch.ts'
import { checkCommon, checkKeys, type RestoreOptions, restoreKeys } from './options.ts'
import { checkPrelinker, findProgram } from './program.ts'
import { isPointUseless, type RestorePoint, restorePoints } from './restore-plan.ts'
import type { Session } from './session.ts'
import type { SessionHost } from './session-host.ts'

/**
 * Goes on from a checkpoint: `calc`, `calc@3`, `calc@-1`. The bare name is the newest state: the newest checkpoint and, by
 * the call log, all that the program did after it. It goes on as the same session; any other version is a fork with an
 * identity of its own. Where the newest checkpoint or its log is of no use, those before are tried, and an event says so. Rejects, before the guest runs, with STASIS_VERSION_UNKNOWN, STASIS_IMAGE_*, STASIS_MODULE_MISSING,
 * STASIS_MODULE_DIFFERENT, STASIS_PRELINK_VERSION, STASIS_MOUNT_NOT_GRANTED, STASIS_MOUNT_UNKNOWN, STASIS_FILE_MISSING,
 * STASIS_FILE_CHANGED, STASIS_REPLAY_*, STASIS_LOG_*, STASIS_LEASE_* where it has moved to another store.
 */
export async function restoreSession(
  host: SessionHost,
  store: Store,
  address: string,
  options: RestoreOptions = {},
): Promise<Session> {
  checkKeys(options, restoreKeys, 'Session.restore')
  checkCommon(options)
  refuseFiles(options)
  const wanted = parseAddress(address)
  checkSessionName(options.name ?? wanted.name)
  const { files = 'refuse' } = options
  if (!['keep', 'restore', 'refuse'].includes(files)) {
    throw new StasisError('STASIS_OPTION', `files is "${files}", and must be keep, restore or refuse.`)
  }
  const points = await restorePoints(store, wanted)
  // Versions share pages, so that damage may be that of several.
  for (let useless: unknown, i = 0; ; i++) {
    const next = points[i]
    if (next === undefined) throw useless
    try {
      const point = await next()
      const error = useless ?? point.instead
      if (error !== undefined) tell(options, { kind: 'fellBack', to: point.name, error: error as Error })
      return await restoreAt(host, store, wanted, point, options)
    } catch (error) {
      if (i + 1 === points.length || !isPointUseless(error)) throw error
      useless = error
    }
  }
}

function refuseFiles({ mounts = [] }: RestoreOptions): void {
  const mount = mounts.find((grant) => 'memory' in grant && grant.files !== undefined)
  if (mount === undefined) return
  const message = `${mount.guest} has its files from the session that is restored: give it none. putSessionFiles adds some.`
  throw new StasisError('STASIS_OPTION', message, { mount: mount.guest })
}

async function restoreAt(
  host: SessionHost,
  store: Store,
  { name: session }: Address,
  point: RestorePoint,
  options: RestoreOptions,
): Promise<Session> {
  const name = options.name ?? session
  const isElsewhere = name !== session
  const { forceFork = false } = options
  const isFork = isElsewhere || forceFork || !point.isNewest
  const lock = await store.lock(name)
  try {
    if (isElsewhere) await Promise.all([refuseExisting(store, name), checkWhole(store, session)])
    else if (forceFork) await checkWhole(store, session)
    else await claimLease(store, session)
    const { base, tail } = point
    const module = await findProgram(host, store, base.kind === 'image' ? base.manifest : base.start, options.module)
    if (base.kind === 'image') checkPrelinker(base.manifest, base.image)
    const id = isFork ? host.uuid() : point.id
    // What was put back may have another time than it had, and so has a copy of the directory.
    const isSettled = await settleFiles(host, store, point, options)
    const allowChangedFiles = isSettled || (options.allowChangedFiles ?? (options.files ?? 'refuse') !== 'refuse')
    const from = base.kind === 'image' ? { image: base.image.bytes } : { kernel: base.start.kernel }
    const beginning = { args: [], env: [], ...from, allowChangedFiles }
    const { polls } = base.kind === 'image' ? base.manifest.prelink : base.start
    const tailPlace = isElsewhere ? logPlace(host, store, session) : undefined
    const settings = logSettings(host, store, name, id, options, {
      tail,
      tailOf: point.id,
      ...(tailPlace && { tailPlace }),
    })
    // Stacks are those of the instrumented engine, and a fork begins with a checkpoint.
    const own = base.kind === 'image' ? 'instrumented' : (base.start.engine ?? undefined)
    if (isFork && own === 'log-only') throw captureLogOnly()
    const parts = { name, id, store, lock, module, polls, wantedEngine: isFork ? 'instrumented' : own } as const
    const restored = await launch(host, options, parts, beginning, settings).catch((error) => {
      throw base.kind === 'image' ? blameStored(base.image, error) : error
    })
    // The log of a fork begins behind this checkpoint, and so does that of a session whose directories live in it from now on.
    const cause = isFork ? 'fork' : restored.inMemory.length > 0 ? 'restore' : undefined
    if (cause !== undefined && (settings !== undefined || forceFork)) {
      const taken = restored.checkpoint({ cause })
      // Only then: a crash before it must not leave the other session here with the right to run.
      const claim = () => (forceFork && !isElsewhere ? forkLease(store, name, host.uuid()) : undefined)
      taken.then(claim).catch(() => undefined)
    }
    return restored
  } catch (error) {
    await lock.release()
    throw error
  }
}
