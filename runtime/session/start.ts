import type { CarriedRegion } from '../../wasm-shim/guest-abi/state.ts'
import { encodeInitialState } from '../../wasm-shim/wasi/save.ts'
import type { MountState } from '../../wasm-shim/wasi/state.ts'
import type { Engine } from '../engine/engine.ts'
import { checkSessionName } from '../store/address.ts'
import { saveModule } from '../store/checkpoints.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { removeRun } from '../store/retention.ts'
import { type StartRecord, saveStart } from '../store/start-record.ts'
import { carriedRegions } from './carried-regions.ts'
import { launch, logSettings, refuseExisting } from './launch.ts'
import type { MountGrant } from './messages.ts'
import { checkCommon, checkEngine, checkKeys, environmentPairs, type StartOptions, startKeys } from './options.ts'
import { type Program, readProgram } from './program.ts'
import type { Session } from './session.ts'
import { memoryTree } from './session-files.ts'
import type { SessionHost } from './session-host.ts'

const noTail = { tail: [], tailOf: '' } as const

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
  const { regionsFrom, migrateRegion } = options
  const carried = regionsFrom === undefined ? [] : await carriedRegions(store, regionsFrom, migrateRegion)
  const lock = await store.lock(name)
  try {
    await refuseExisting(store, name)
    const log = options.log === false ? undefined : logSettings(host, store, name, id, options, noTail)
    const path = typeof options.module === 'string' ? (host.absolutePath?.(options.module) ?? options.module) : ''
    const start = startRecord(host, options, { id, module, polls, path, args, carried })
    const { mounts, kernel } = withContent(options, start)
    const beginning = { args, env: environmentPairs(env), carried, allowChangedFiles: false, ...(kernel && { kernel }) }
    if (log !== undefined) {
      await saveStart(store, name, start)
      // Else a short program needs no copy of its module: a restore finds it where it was.
      if (path === '' || options.keepLog === true) await saveModule(store, module.sha256, module.bytes)
    }
    const keepEngine = async (engine: Engine['kind']) => {
      if (log !== undefined && start.engine !== engine) await saveStart(store, name, { ...start, engine })
    }
    const parts = { name, id, store, lock, module, polls, keepEngine, wantedEngine: options.engine }
    return await launch(host, { ...options, mounts }, parts, beginning, log).catch(async (error) => {
      if (log !== undefined) await removeRun(store, name, id)
      throw error
    })
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Mounts with files to begin with are part of the kernel's first state, and not granted beside it. */
function withContent(
  { mounts = [] }: StartOptions,
  { kernel }: StartRecord,
): { readonly mounts: readonly MountGrant[]; readonly kernel?: Uint8Array } {
  const others = mounts.filter((grant) => !('memory' in grant && grant.files !== undefined))
  return others.length === mounts.length ? { mounts } : { mounts: others, kernel }
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
    carried,
  }: Pick<StartRecord, 'id' | 'polls'> & {
    readonly module: Program
    readonly path: string
    readonly args: readonly string[]
    readonly carried: readonly CarriedRegion[]
  },
): StartRecord {
  const { sha256, name, bytes } = module
  const time = Math.trunc(host.now())
  const states = mounts.map((grant): MountState & { readonly content?: Uint8Array } => {
    const { guest, readOnly = false } = grant
    return 'memory' in grant
      ? {
          guest,
          kind: 'memory',
          source: null,
          readOnly,
          ...(grant.files && { content: memoryTree(grant.files, time) }),
        }
      : { guest, kind: grant.overlay === true ? 'overlay' : 'host', source: grant.host, readOnly }
  })
  const kernel = encodeInitialState(args, environmentPairs(env), states, carried)
  return {
    id,
    module: { sha256, size: bytes.length, name, path },
    kernel,
    polls,
    engine: engine ?? null,
    time,
  }
}
