import { createHash, randomUUID } from 'node:crypto'
import type { Engine, Entry, RunOutcome, StackState } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import type { Checkpoint } from '../../runtime/image/model.ts'
import type { ImportFunction, ImportSite } from '../../runtime/intercept/interceptor.ts'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { decodeMetadata, metadataSection, type PrelinkMetadata, prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import type { OpenedKernel } from './host.ts'
import { hasHostFrames } from './host-frames.ts'

/** For a command that was pre-linked: `new WebAssembly.Module(prelink(original).bytes)`. */
export interface CheckpointsOption {
  /** The unmodified module. */
  readonly original: Uint8Array
  /** Called with a checkpoint's image (docs/format.md) while the program stands still; it goes on afterwards. */
  readonly onCheckpoint: (image: Uint8Array) => void
  /** Told why the checkpoint that was asked for cannot be taken. Default: it is tried again at each later call. */
  readonly onRefused?: (reason: StasisError) => void
  /** An image to go on from: `start` then runs what is left of the program. */
  readonly restore?: Uint8Array
  /** Go on although files that the program has open have changed. */
  readonly allowChangedFiles?: boolean
}

const knownOptions: ReadonlySet<string> = new Set([
  'original',
  'onCheckpoint',
  'onRefused',
  'restore',
  'allowChangedFiles',
])

/** Throws StasisError STASIS_OPTION and STASIS_OPTION_UNKNOWN. */
export function checkpointSettings(given: unknown): CheckpointsOption | undefined {
  if (given === undefined) return undefined
  const { original, onCheckpoint, restore } = (given ?? {}) as Partial<CheckpointsOption>
  const isImage = restore === undefined || restore instanceof Uint8Array
  if (!(original instanceof Uint8Array) || typeof onCheckpoint !== 'function' || !isImage) {
    const message =
      'The option "checkpoints" needs "original", the bytes of the module before it was pre-linked, and a function "onCheckpoint"; "restore" is the bytes of an image.'
    throw new StasisError('STASIS_OPTION', message)
  }
  for (const key of Object.keys(given as object)) {
    if (knownOptions.has(key)) continue
    throw new StasisError('STASIS_OPTION_UNKNOWN', `The option "checkpoints" has no option "${key}".`, { option: key })
  }
  return given as CheckpointsOption
}

/** A loop poll in the place of an import's number. */
const poll = -1

/** What a run needs of its WASI. */
export interface RunParts {
  readonly instance: WebAssembly.Instance
  readonly bind: (site: ImportSite, func: ImportFunction) => void
  readonly link: (site: ImportSite) => ImportFunction
  readonly opened: OpenedKernel
}

/** Runs a pre-linked command that can be captured at its calls, or goes on with one that was. */
export class Checkpoints {
  readonly restored: Checkpoint | undefined
  readonly #option: CheckpointsOption
  readonly #sha256: string
  readonly #id = randomUUID()
  #module: WebAssembly.Module | undefined
  #metadata: PrelinkMetadata | undefined
  #isWanted = false
  /** The import of the call that is going to be made again after a capture: it is not to be captured again at once. */
  #capturedAt: number | undefined
  #calls: number

  /** Throws StasisError STASIS_IMAGE_FOREIGN, STASIS_IMAGE_VERSION, STASIS_IMAGE_DAMAGED, STASIS_MODULE_DIFFERENT. */
  constructor(option: CheckpointsOption) {
    this.#option = option
    this.#sha256 = createHash('sha256').update(option.original).digest('hex')
    this.restored = option.restore && decodeCheckpoint(option.restore)
    this.#calls = this.restored?.calls ?? 0
    this.#capturedAt = this.restored?.stacks[0]?.call.import
    if (this.restored !== undefined && this.restored.stacks.length * this.restored.instances.length !== 1) {
      throw new StasisError('STASIS_OPTION', 'The image is not of one command with one stack. Restore it by a Session.')
    }
    const expected = this.restored?.module.sha256 ?? this.#sha256
    if (expected === this.#sha256) return
    const message = `The checkpoint belongs to the module with SHA-256 ${expected}, and "original" has ${this.#sha256}. Give the module that it was taken of.`
    throw new StasisError('STASIS_MODULE_DIFFERENT', message, { expected, found: this.#sha256 })
  }

  /** Takes one at the next call or loop poll. */
  request(): void {
    this.#isWanted = true
  }

  /**
   * The module that the instance is going to be made of. Throws STASIS_PRELINK_MISSING, STASIS_PRELINK_DAMAGED,
   * STASIS_PRELINK_VERSION.
   */
  use(module: WebAssembly.Module): void {
    const [section] = WebAssembly.Module.customSections(module, metadataSection)
    if (section === undefined) {
      throw new StasisError('STASIS_PRELINK_MISSING', 'The module was not pre-linked: pass it through prelink() first.')
    }
    this.#module = module
    this.#metadata = decodeMetadata(new Uint8Array(section))
    if (this.restored === undefined) return
    const { version, polls } = this.restored.prelink
    if (version === prelinkVersion && polls === this.#metadata.polls) return
    const message = `The checkpoint is of a module pre-linked by version ${version} with polls "${polls}", and this is version ${prelinkVersion} with "${this.#metadata.polls}". Pre-link it in the same way.`
    throw new StasisError('STASIS_PRELINK_VERSION', message, { version, supported: prelinkVersion })
  }

  /** Runs `_start`, or the rest of it. Returns the code of an exit; throws what the program ended by. */
  run({ instance, bind, link, opened }: RunParts): number | undefined {
    const [module, metadata] = [this.#module, this.#metadata]
    if (module === undefined || metadata === undefined) {
      const message =
        'The option "checkpoints" needs to know the module. Make the instance with getImportObject(module).'
      throw new StasisError('STASIS_OPTION', message)
    }
    const engine = createInstrumentedEngine({
      module,
      original: () => this.#option.original,
      options: {
        link,
        shouldCapture: (site) => {
          const isMadeAgain = this.#capturedAt === (site === 'poll' ? poll : site.index)
          if (this.#isWanted && !isMadeAgain && this.#isPossible()) return true
          if (isMadeAgain) this.#capturedAt = undefined
          if (site !== 'poll') this.#calls++
          return false
        },
        onRefused: (reason) => this.#refused(reason),
      },
      adopt: { instance, bind },
    })
    const entries: Entry[] = [{ kind: 'export', name: '_start' }]
    if (engine.hasStart) entries.unshift({ kind: 'start' })
    let stack = this.#putBack(engine)
    // The start function had returned when a checkpoint is of the command.
    if (stack?.entry.kind === 'export') entries.splice(0, entries.length - 1)
    for (const entry of entries) {
      let outcome = stack === undefined ? engine.run(entry) : engine.resume(stack)
      stack = undefined
      while (outcome.kind === 'captured') outcome = this.#taken(engine, outcome, metadata, opened)
      if (outcome.kind === 'trapped') throw outcome.error
      if (outcome.kind === 'exited') return outcome.code
    }
    return undefined
  }

  #isPossible(): boolean {
    if (!hasHostFrames()) return true
    const message =
      'No checkpoint can be taken now: a function of JavaScript called back into the guest and has not returned. Take it before or after that.'
    this.#refused(new StasisError('STASIS_CAPTURE_HOST_FRAME', message))
    return false
  }

  #putBack(engine: Engine): StackState | undefined {
    const state = this.restored?.instances[0]
    if (state !== undefined) engine.restore(state)
    return this.restored?.stacks[0]
  }

  #taken(
    engine: Engine,
    { stack, refused }: RunOutcome & { kind: 'captured' },
    { polls }: PrelinkMetadata,
    { kernel, unread }: OpenedKernel,
  ): RunOutcome {
    this.#isWanted = false
    this.#capturedAt = stack.call.import
    try {
      if (refused !== undefined) throw refused
      const image = encodeCheckpoint({
        session: { name: 'node-wasi', id: this.#id },
        cause: 'request',
        time: Date.now(),
        module: { sha256: this.#sha256, size: this.#option.original.length, name: 'module.wasm' },
        prelink: { version: prelinkVersion, polls },
        calls: this.#calls,
        instances: [engine.save()],
        stacks: [stack],
        kernel: kernel.save(),
        input: unread(),
      })
      this.#option.onCheckpoint(image)
    } catch (error) {
      if (!isStasisError(error)) throw error
      this.#refused(error)
    }
    return engine.resume(stack)
  }

  #refused(reason: StasisError): void {
    const { onRefused } = this.#option
    this.#isWanted = onRefused === undefined
    onRefused?.(reason)
  }
}
