import type { ImportFunction } from '../../runtime/intercept/interceptor.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { type Answers, answerFromLog, answerRecorded, answerTo, answerUnrecorded, MemoryPlace } from './answers.ts'
import type { CallLog } from './call-log.ts'
import { Checkpoints } from './checkpoints.ts'
import { Endings } from './ending.ts'
import { type OpenedKernel, openKernel } from './host.ts'
import { ImportGates } from './imports.ts'
import { alreadyStarted, invalidArgType, noMemory } from './node-errors.ts'
import { type Abi, readOptions, type Settings, type WASIOptions } from './options.ts'

/** What was opened of this process is given back when no import and no WASI is left that could use it, as in node:wasi. */
const unused = new FinalizationRegistry<() => void>((close) => close())

/**
 * `WASI` of node:wasi, with the same options, members, return values and errors, in the caller's thread. It records the calls
 * that the guest makes, in memory, and answers them from such a record with the option `replay` (docs/node-wasi.md).
 *
 *     import { WASI } from 'stasis/node'
 *     const wasi = new WASI({ version: 'preview1', args: ['app'], preopens: { '/': '.' } })
 *     const instance = await WebAssembly.instantiate(module, wasi.getImportObject())
 *     const exitCode = wasi.start(instance)
 *     const { bytes, chunks } = wasi.callLog
 *     new WASI({ version: 'preview1', replay: { bytes, chunks } })
 *
 * The constructor throws what node:wasi's does, and StasisError STASIS_OPTION_UNKNOWN, STASIS_OPTION, and for a `replay` that
 * is no log STASIS_LOG_FOREIGN, STASIS_LOG_VERSION, STASIS_LOG_DAMAGED. A call of the guest in a replay ends it by
 * STASIS_REPLAY_DIVERGED where it is not the recorded one and by STASIS_REPLAY_ENDED where there is none any more.
 */
export class WASI {
  /** The imports by name. Functions that are replaced here, before the instance is made, are not recorded. */
  readonly wasiImport: Record<string, ImportFunction>
  readonly #abi: Abi
  readonly #answers: Answers
  readonly #gates: ImportGates
  readonly #endings: Endings
  readonly #place = new MemoryPlace()
  readonly #opened: OpenedKernel | undefined
  readonly #checkpoints: Checkpoints | undefined
  #isStarted = false

  constructor(options: WASIOptions) {
    const settings = readOptions(options)
    this.#abi = settings.abi
    this.#endings = new Endings(settings.returnOnExit)
    this.#checkpoints = settings.checkpoints && new Checkpoints(settings.checkpoints)
    this.#opened = settings.replay === undefined ? open(settings, this.#checkpoints, this.#endings) : undefined
    this.#answers = createAnswers(settings, this.#place, this.#opened, () => this.#relink())
    const early = settings.returnOnExit ? ['proc_exit'] : []
    const answers = this.#answers
    this.#gates = new ImportGates(settings.abi, (site) => answers.link(site), this.#endings.fail, early)
    this.wasiImport = this.#gates.functions
  }

  /**
   * Makes the imports usable for an instance, as `start` and `initialize` do. Throws ERR_WASI_ALREADY_STARTED after one of
   * the three, and ERR_INVALID_ARG_TYPE.
   */
  finalizeBindings(
    instance: object,
    { memory = exportsOf(instance)?.memory }: { readonly memory?: unknown } = {},
  ): void {
    if (this.#isStarted) throw alreadyStarted()
    checkedExports(instance)
    if (!isMemory(memory)) throw noMemory()
    if (this.#checkpoints === undefined && Object.hasOwn(checkedExports(instance), prelinkedExport)) throw unprepared()
    this.#place.memory = memory
    this.#gates.open()
    this.#isStarted = true
  }

  /**
   * Runs a command: an instance with an export `_start` and none `_initialize`. Returns the exit code; with `returnOnExit`
   * false the process ends when the guest exits.
   */
  start(instance: object): number {
    this.finalizeBindings(instance)
    const { _start, _initialize } = checkedExports(instance)
    if (typeof _start !== 'function') throw invalidArgType('instance.exports._start', 'of type function', _start)
    if (_initialize !== undefined) throw mustBeAbsent('_initialize', _initialize)
    const checkpoints = this.#checkpoints
    this.#run(() => {
      if (checkpoints !== undefined) this.#runCaptured(checkpoints, instance as WebAssembly.Instance)
      else this.#endings.run(() => _start(), 'start')
    })
    return this.#endings.exitCode
  }

  /** A log's target is to have all calls when the guest is back. */
  #run(guest: () => void): void {
    try {
      guest()
    } finally {
      this.#answers.commit?.()
    }
  }

  /** An engine keeps what it has linked: there the recorder goes on, and its log is thrown away. */
  #relink(): void {
    if (this.#checkpoints === undefined) this.#gates.open()
  }

  #runCaptured(checkpoints: Checkpoints, instance: WebAssembly.Instance): void {
    this.#endings.isLeftToEngine = true
    const exit = checkpoints.run({
      instance,
      bind: (site, func) => this.#gates.bind(site, func),
      link: (site) => this.#answers.link(site),
      opened: this.#opened!,
    })
    if (exit !== undefined) this.#endings.exit(exit)
  }

  /** Prepares a reactor: an instance without an export `_start`, whose `_initialize` is called where there is one. */
  initialize(instance: object): void {
    if (this.#checkpoints !== undefined) {
      throw new StasisError('STASIS_OPTION', 'The option "checkpoints" is for commands: use start().')
    }
    this.finalizeBindings(instance)
    const { _start, _initialize } = checkedExports(instance)
    if (_start !== undefined) throw mustBeAbsent('_start', _start)
    if (_initialize === undefined) return
    if (typeof _initialize !== 'function') {
      throw invalidArgType('instance.exports._initialize', 'of type function', _initialize)
    }
    this.#run(() => this.#endings.run(() => _initialize(), 'initialize'))
  }

  /** `module`: with the option `checkpoints`, the pre-linked module that the instance is going to be made of. */
  getImportObject(module?: WebAssembly.Module): WebAssembly.Imports {
    if (module !== undefined) this.#checkpoints?.use(module)
    return { [this.#abi]: this.wasiImport }
  }

  /**
   * Asks for a checkpoint, which is taken at the program's next call or loop poll and given to `onCheckpoint`. Throws StasisError
   * STASIS_OPTION without the option `checkpoints`.
   */
  checkpoint(): void {
    if (this.#checkpoints === undefined) {
      throw new StasisError('STASIS_OPTION', 'Checkpoints need the option "checkpoints" and a pre-linked module.')
    }
    this.#checkpoints.request()
  }

  /** What was recorded so far, or why there is nothing. A copy: looking at it costs what it is large. */
  get callLog(): CallLog {
    return this.#answers.callLog()
  }
}

function open(settings: Settings, checkpoints: Checkpoints | undefined, user: object): OpenedKernel {
  const restored = checkpoints?.restored
  const allowChangedFiles = settings.checkpoints?.allowChangedFiles ?? false
  const from = restored && { state: restored.kernel, input: restored.input, allowChangedFiles }
  const opened = openKernel(settings, from)
  unused.register(user, opened.close)
  return opened
}

function createAnswers(
  { log, replay }: Settings,
  place: MemoryPlace,
  opened: OpenedKernel | undefined,
  relink: () => void,
): Answers {
  if (replay !== undefined) return answerFromLog(replay, place)
  const { kernel } = opened!
  kernel.attach(place.get)
  if (log === false) return answerUnrecorded(kernel)
  return log === undefined ? answerRecorded(kernel, place, relink) : answerTo(log, kernel, place)
}

/** What pre-linking adds (wasm-shim/prelink/index.ts), and without which such an instance traps in its first loop. */
const prelinkedExport = 'stasis.unwind'

function unprepared(): StasisError {
  const message =
    'The instance is of a pre-linked module. Give the option "checkpoints", or run the module as it was before.'
  return new StasisError('STASIS_OPTION', message)
}

const exportsOf = (instance: unknown): Record<string, unknown> | undefined =>
  (instance as { exports?: Record<string, unknown> } | null | undefined)?.exports ?? undefined

function checkedExports(instance: unknown): Record<string, unknown> {
  if (typeof instance !== 'object' || instance === null || Array.isArray(instance)) {
    throw invalidArgType('instance', 'of type object', instance)
  }
  const { exports } = instance as { exports?: unknown }
  if (typeof exports !== 'object' || exports === null || Array.isArray(exports)) {
    throw invalidArgType('instance.exports', 'of type object', exports)
  }
  return exports as Record<string, unknown>
}

const mustBeAbsent = (name: string, value: unknown) => invalidArgType(`instance.exports.${name}`, 'undefined', value)

const bufferOf = Object.getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer')?.get

/** Also of another realm, as made in a node:vm context. */
function isMemory(value: unknown): value is WebAssembly.Memory {
  try {
    bufferOf?.call(value)
    return true
  } catch {
    return false
  }
}
