import { StasisError } from '../../wasm-shim/errors.ts'
import { type CheckpointsOption, checkpointSettings } from './checkpoints.ts'
import { type LogOption, logSettings } from './log-option.ts'
import { invalidArgType, invalidArgValue, outOfRange } from './node-errors.ts'
import type { ReplayOption } from './replay-log.ts'

/** Those of node:wasi, and two of our own. */
export interface WASIOptions {
  readonly version: 'preview1' | 'unstable'
  /** Each is turned into a string. Default: none, not even a program name. */
  readonly args?: readonly unknown[] | undefined
  /** Entries that are undefined are left out. Default: an empty environment. */
  readonly env?: object | undefined
  /** Directories by their names in the guest. */
  readonly preopens?: object | undefined
  /** Whether `start` returns the guest's exit code. Otherwise the process ends with it. Default true. */
  readonly returnOnExit?: boolean | undefined
  /** Descriptors of this process. Defaults 0, 1, 2. */
  readonly stdin?: number | undefined
  readonly stdout?: number | undefined
  readonly stderr?: number | undefined
  /** `false` records nothing; a sink takes the log as it is written. Default: in memory, see `WASI.callLog`. */
  readonly log?: LogOption
  /** A call log from which every call is answered instead of being made. */
  readonly replay?: ReplayOption
  /** Lets a pre-linked command be captured by `WASI.checkpoint`, or go on from an image. */
  readonly checkpoints?: CheckpointsOption
}

export type Abi = 'wasi_snapshot_preview1' | 'wasi_unstable'

export interface Settings {
  readonly abi: Abi
  readonly args: readonly string[]
  readonly env: readonly (readonly [string, string])[]
  /** Guest's name and host's path. */
  readonly preopens: readonly (readonly [string, string])[]
  readonly stdio: readonly [number, number, number]
  readonly returnOnExit: boolean
  readonly log: LogOption | undefined
  readonly replay: ReplayOption | undefined
  readonly checkpoints: CheckpointsOption | undefined
}

const abis: Readonly<Record<WASIOptions['version'], Abi>> = {
  preview1: 'wasi_snapshot_preview1',
  unstable: 'wasi_unstable',
}

const knownOptions: ReadonlySet<string> = new Set([
  'version',
  'args',
  'env',
  'preopens',
  'returnOnExit',
  'stdin',
  'stdout',
  'stderr',
  'log',
  'replay',
  'checkpoints',
])

/**
 * Checks in node:wasi's order and throws what it throws; then, which node:wasi does not, STASIS_OPTION_UNKNOWN for options
 * that there are not, and STASIS_OPTION for a log or replay that is none.
 */
export function readOptions(given: unknown = {}): Settings {
  const options = asObject(given, 'options') as Record<string, unknown>
  const {
    version,
    args = [],
    env = {},
    preopens = {},
    stdin = 0,
    stdout = 1,
    stderr = 2,
    returnOnExit = true,
  } = options
  if (typeof version !== 'string') throw invalidArgType('options.version', 'of type string', version)
  if (!Object.hasOwn(abis, version)) throw invalidArgValue('options.version', version, 'unsupported WASI version')
  if (!Array.isArray(args)) throw invalidArgType('options.args', 'an instance of Array', args)
  const texts = Array.from(args, (arg: unknown) => cString(String(arg)))
  const variables = Object.entries(asObject(env, 'options.env')).flatMap(([key, value]: [string, unknown]) =>
    value === undefined ? [] : [variable(`${key}=${value}`)],
  )
  const directories = Object.entries(asObject(preopens, 'options.preopens')).map(
    ([guest, host]: [string, unknown]) => [cString(guest), cString(String(host))] as const,
  )
  const stdio = [
    asDescriptor(stdin, 'options.stdin'),
    asDescriptor(stdout, 'options.stdout'),
    asDescriptor(stderr, 'options.stderr'),
  ] as const
  if (typeof returnOnExit !== 'boolean') {
    throw invalidArgType('options.returnOnExit', 'of type boolean', returnOnExit)
  }
  for (const key of Object.keys(options)) {
    if (knownOptions.has(key)) continue
    throw new StasisError('STASIS_OPTION_UNKNOWN', `WASI has no option "${key}".`, { option: key })
  }
  const replay = options.replay as ReplayOption | undefined
  const checkpoints = checkpointSettings(options.checkpoints)
  const restores = checkpoints?.restore !== undefined
  if (checkpoints !== undefined && replay !== undefined) {
    throw new StasisError(
      'STASIS_OPTION',
      'A replay has no host to make checkpoints of: give "replay" or "checkpoints".',
    )
  }
  const log = logSettings(options.log, replay !== undefined || restores)
  const abi = abis[version as WASIOptions['version']]
  return { abi, args: texts, env: variables, preopens: directories, stdio, returnOnExit, log, replay, checkpoints }
}

function asObject(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgType(name, 'of type object', value)
  }
  return value
}

function asDescriptor(value: unknown, name: string): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < 0 || value > 0x7fff_ffff) throw outOfRange(name, '>= 0 && <= 2147483647', value)
  return value
}

/** A guest's strings end at the first zero byte. */
function cString(text: string): string {
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}

/** The kernel joins them again: the first "=" may as well be the one in the key. */
function variable(text: string): readonly [string, string] {
  const whole = cString(text)
  const at = whole.indexOf('=')
  return at < 0 ? [whole, ''] : [whole.slice(0, at), whole.slice(at + 1)]
}
