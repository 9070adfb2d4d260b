import { StasisError } from '../../wasm-shim/errors.ts'
import type { PollMode } from '../../wasm-shim/prelink/index.ts'
import type { Engine } from '../engine/engine.ts'
import { checkRules, type RetentionRules } from '../store/kept.ts'
import type { Store } from '../store/store.ts'
import type { RegionMigration } from './carried-regions.ts'
import type { SessionEvent } from './events.ts'
import type { MountGrant } from './messages.ts'
import type { Trigger } from './triggers.ts'

/** What `start` and `restore` have in common. */
export interface CommonOptions {
  /** Directories granted to the guest. */
  readonly mounts?: readonly MountGrant[]
  /** Checkpoints to be taken without being asked. */
  readonly triggers?: readonly Trigger[]
  /** The first checkpoint, whatever caused it, stops the session. */
  readonly stopAfterSnapshot?: boolean
  /** Testing: at every how-many-th call capture, encode, decode into a fresh instance, and go on there. */
  readonly torture?: number
  /** Keep the checkpoints of a session that exits. Default: it leaves nothing behind. */
  readonly keep?: boolean
  /** Which versions stay while others are taken. Default: all but older keyframes. */
  readonly retention?: RetentionRules
  /** Keep a call log, where the store can. Default true: without one, what came after the last checkpoint is lost in a crash. */
  readonly log?: boolean
  /** Flush the log to the disk before each effect, so that power loss loses nothing either. Default false. */
  readonly durable?: boolean
  /** Milliseconds of work that a crash may make necessary to do again; then a checkpoint is taken. Default 5000. */
  readonly maxRecovery?: number
  /**
   * Bytes of the host's files that a checkpoint carries: those that the session has written or holds open. More is refused,
   * by name; 0 leaves all contents out. Default 256 MB. Checkpoints taken for `maxRecovery` carry none.
   */
  readonly maxFileBytes?: number
  /** Keep the log of what came before the newest checkpoints, for looking at it and for going back. Default false. */
  readonly keepLog?: boolean
  /** Give the files of memory mounts with the outcome of a program that exits. Default false. */
  readonly returnFiles?: boolean
  /**
   * Go on in optimised code where the engine has optimised a function that is being run (on-stack replacement), which makes
   * programs faster that compute for long. Default true.
   */
  readonly osr?: boolean
  /** Show every call on stderr, as strace does. Default false. */
  readonly strace?: boolean
  /** Told of checkpoints and refusals, also of those that nobody asked for. */
  readonly onEvent?: (event: SessionEvent) => void
}

export interface StartOptions extends CommonOptions {
  /** The unmodified module: its bytes, or a path where the host has files. */
  readonly module: Uint8Array | string
  /** For people. Default: the path's last component, else `module.wasm`. */
  readonly moduleName?: string
  /** With the program's own name first. Default: only that, the module's name. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>> | readonly (readonly [string, string])[]
  /** Default: a store in memory, of its own. */
  readonly store?: Store
  /** Default: made up. */
  readonly name?: string
  /** Where a guest that computes without making calls can be stopped. Default: 'default'. */
  readonly polls?: PollMode
  /**
   * 'instrumented' can be checkpointed. 'log-only' runs the module's own code, needs a log, and is restored by making the
   * logged calls again. Default: instrumented, and log-only for modules that the pre-linker refuses; an event tells.
   */
  readonly engine?: Engine['kind']
  /**
   * A checkpoint of another program, `calc` or `calc@3`: a region that this one registers by a name that one had is filled
   * with what that one held there, if it has the same length; else the program migrates it, or is refused it.
   */
  readonly regionsFrom?: string
  /** Told of each of those regions before the program begins: gives what it is to be filled with. */
  readonly migrateRegion?: RegionMigration
}

export interface RestoreOptions extends CommonOptions {
  /** Go on as a session of another name. Default: the name in the address. */
  readonly name?: string
  /** The module, where the store does not have it. */
  readonly module?: Uint8Array | string
  /** Go on even where an open file is no longer as it was. The same as `files: 'keep'`. */
  readonly allowChangedFiles?: boolean
  /**
   * What to do with files in granted directories that the session has written or holds open and that are no longer as they
   * were: 'refuse' (the default), 'keep' them as they are, or 'restore' them, from the checkpoint; where that carries none,
   * from a log that reaches back to the beginning, for a version by its number.
   */
  readonly files?: 'keep' | 'restore' | 'refuse'
  /** Go on also where the right to run it is elsewhere: as a fork with an identity of its own. */
  readonly forceFork?: boolean
}

type Keys<T> = Readonly<Record<keyof T, true>>

const commonKeys: Keys<CommonOptions> = {
  mounts: true,
  triggers: true,
  stopAfterSnapshot: true,
  torture: true,
  keep: true,
  retention: true,
  log: true,
  durable: true,
  maxRecovery: true,
  maxFileBytes: true,
  keepLog: true,
  returnFiles: true,
  osr: true,
  strace: true,
  onEvent: true,
}
const startOnly = {
  module: true,
  moduleName: true,
  args: true,
  env: true,
  store: true,
  name: true,
  polls: true,
  engine: true,
  regionsFrom: true,
  migrateRegion: true,
} as const
const restoreOnly = { name: true, module: true, allowChangedFiles: true, files: true, forceFork: true } as const
export const startKeys: Keys<StartOptions> = { ...commonKeys, ...startOnly }
export const restoreKeys: Keys<RestoreOptions> = { ...commonKeys, ...restoreOnly }
const retentionKeys: Keys<RetentionRules> = { keep: true, keepFor: true, thin: true }
export const checkpointKeys = { label: true, stop: true, cause: true, files: true } as const

/** Throws STASIS_OPTION_UNKNOWN. */
export function checkKeys(options: object, known: Readonly<Record<string, true>>, what: string): void {
  const unknown = Object.keys(options).find((key) => !(key in known))
  if (unknown === undefined) return
  throw new StasisError(
    'STASIS_OPTION_UNKNOWN',
    `${what} has no option "${unknown}". It has ${Object.keys(known).join(', ')}.`,
    { option: unknown },
  )
}

export function environmentPairs(env: StartOptions['env'] = []): readonly (readonly [string, string])[] {
  return isPairs(env) ? env : Object.entries(env)
}

function isPairs(env: NonNullable<StartOptions['env']>): env is readonly (readonly [string, string])[] {
  return Array.isArray(env)
}

/** Refuses what types cannot, or what comes from JavaScript. Throws STASIS_OPTION. */
export function checkCommon(options: CommonOptions): void {
  const { mounts = [], triggers = [], torture = 1, maxRecovery = 1, log = true, durable = false } = options
  const { maxFileBytes = 0 } = options
  const refuse = (message: string): never => {
    throw new StasisError('STASIS_OPTION', message)
  }
  if (!isPositive(torture)) refuse(`torture is ${torture}, and must be a whole number above 0.`)
  if (!(maxRecovery > 0)) refuse(`maxRecovery is ${maxRecovery}, and must be a number of milliseconds above 0.`)
  checkRules(options.retention ?? {})
  checkKeys(options.retention ?? {}, retentionKeys, 'retention')
  if (!Number.isSafeInteger(maxFileBytes) || maxFileBytes < 0)
    refuse(`maxFileBytes is ${maxFileBytes}, and must be a whole number of bytes from 0 up.`)
  if (durable && !log)
    refuse('A session without a log has nothing to flush: durable and log: false exclude each other.')
  const guests = new Set<string>()
  for (const mount of mounts) {
    const isWhole = typeof mount.guest === 'string' && ('memory' in mount || typeof mount.host === 'string')
    if (!isWhole) refuse('A mount is { guest, host }, perhaps with overlay: true, or { guest, memory: true }.')
    if ('memory' in mount && 'host' in mount) refuse('A mount has a host directory or lives in memory, not both.')
    if (guests.has(mount.guest)) refuse(`Two mounts are granted as "${mount.guest}".`)
    guests.add(mount.guest)
  }
  for (const trigger of triggers) {
    if (trigger.kind === 'call' ? !isPositive(trigger.call) : !['first-stdin', 'idle'].includes(trigger.kind)) {
      refuse(`${JSON.stringify(trigger)} is no trigger: { kind: 'call', call: 1 }, 'first-stdin' or 'idle' is meant.`)
    }
  }
}

/** Throws STASIS_OPTION. */
export function checkEngine({ engine = 'instrumented', torture = 0 }: StartOptions): void {
  const refuse = (message: string): never => {
    throw new StasisError('STASIS_OPTION', message)
  }
  if (engine !== 'instrumented' && engine !== 'log-only')
    refuse(`engine is "${String(engine)}", and must be 'instrumented' or 'log-only'.`)
  if (engine === 'log-only' && torture > 0) refuse('The log-only engine captures nothing: torture needs the other one.')
}

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}
