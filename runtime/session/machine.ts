import { StasisError } from '../../wasm-shim/errors.ts'
import type { PollMode } from '../../wasm-shim/prelink/index.ts'
import { carriedFileSystem, detachedOverlay } from '../../wasm-shim/wasi/fs/carried.ts'
import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { OverlayFileSystem } from '../../wasm-shim/wasi/fs/overlay.ts'
import type { Host, HostStream } from '../../wasm-shim/wasi/host.ts'
import { type Grants, Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import type { Checkpoint } from '../image/model.ts'
import type { MemorySource } from '../intercept/call-site.ts'
import { compose, type ImportFunction, type Interceptor } from '../intercept/interceptor.ts'
import { trace } from '../intercept/trace.ts'
import type { LogOptions, LogPlace, LogStorage } from '../log/storage.ts'
import { type ChosenEngine, chooseEngine } from './choose-engine.ts'
import type { ControlBlock } from './control-block.ts'
import type { GuestLog } from './guest-log.ts'
import type { Beginning, FromGuest, GuestInit, MountGrant, Post } from './messages.ts'
import type { Turns } from './turns.ts'

/** What the thread in which the guest runs must provide. */
export interface GuestThread {
  readonly createHost: (control: ControlBlock) => Host
  /** How the guest waits, of a thread that must not block; after `createHost`. Absent where `Host.wait` blocks. */
  readonly turns?: () => Turns
  readonly openDirectory: (path: string, readOnly: boolean) => FileSystem
  /** Makes the module ready, once; then engines are made of it, each with a fresh instance. */
  readonly prepare: (module: GuestInit['module'], polls: PollMode) => (options: EngineOptions) => Engine
  readonly post: Post<FromGuest>
  /** Input behind what the checkpoint carries that was accepted before the session went on here. */
  readonly typedBehind?: Uint8Array
  /** Opens the call log at a place that the store has named. Absent where no log can be kept. */
  readonly openLog?: (place: LogPlace, options: LogOptions) => LogStorage
  /** Functions of the embedder's own for imports that are not WASI, each given the guest's memory once. */
  readonly linkFunction?: (module: string, name: string, memory: MemorySource) => ImportFunction | undefined
  /** Shows one line about a call, for `strace`. */
  readonly showCall?: (line: string) => void
  /**
   * Shows on a terminal what it had shown before the session went on here, at most 256 KiB. Default: all of it is written.
   */
  readonly showScreen?: (bytes: Uint8Array, stdout: HostStream) => void
  /** Bytes of the thread's stack that must be free for a capture; see `EngineOptions`. */
  readonly stackReserve?: number
  /** Whether `allocate` has that much at hand. Absent where it makes no difference. */
  readonly hasRoom?: (size: number) => boolean
  /** Room for the state of a checkpoint: at least `size` bytes, with any content. Default: new memory. */
  readonly allocate?: (size: number) => Uint8Array
}

/** What stays of the first message. */
export type GuestSettings = Omit<GuestInit, 'beginning'>

/** A program in its place: an engine, and the kernel that it calls. */
export interface Machine {
  readonly engine: Engine
  readonly kernel: Kernel
}

/** When to capture, and what to do where that is refused. */
export type CaptureOptions = Pick<EngineOptions, 'shouldCapture' | 'onRefused' | 'onResumed' | 'stackReserve'>

/** Makes machines of one module, each with a fresh instance, for the guest's thread. */
export class MachineMaker {
  readonly #host: Host
  readonly #mounts: readonly Mount[]
  readonly #capture: CaptureOptions
  readonly #chosen: ChosenEngine
  readonly #log: GuestLog | undefined
  readonly #linkFunction: GuestThread['linkFunction']
  readonly #ownCheckpoint: () => number | undefined
  /** They stand before all others. */
  readonly #fronts: readonly Interceptor[]
  readonly #strace: ((line: string) => void) | undefined

  /** Opens the mounts and makes the module ready. */
  constructor(
    thread: GuestThread,
    settings: GuestSettings,
    host: Host,
    capture: CaptureOptions,
    log: GuestLog | undefined,
    ownCheckpoint: () => number | undefined,
    fronts: readonly Interceptor[] = [],
  ) {
    this.#ownCheckpoint = ownCheckpoint
    this.#linkFunction = thread.linkFunction
    this.#log = log
    this.#fronts = fronts
    this.#strace = settings.strace ? thread.showCall : undefined
    this.#host = host
    this.#capture = capture
    this.#mounts = settings.mounts.map((grant) => openMount(grant, thread, host))
    this.#chosen = chooseEngine(thread, settings)
  }

  /** What runs the machines, and why. */
  get engine(): Pick<ChosenEngine, 'kind' | 'reason'> {
    const { kind, reason } = this.#chosen
    return { kind, ...(reason !== undefined && { reason }) }
  }

  /** A program that has not run yet. */
  create({ args, env, kernel, carried = [], allowChangedFiles }: Omit<Beginning, 'image'>): Machine {
    if (kernel !== undefined) return this.#assemble(Kernel.restore(kernel, this.#grants(allowChangedFiles), this.#host))
    return this.#assemble(Kernel.create({ args, env, mounts: this.#mounts, carried, ...this.#logging() }, this.#host))
  }

  /** A program as it was. Throws StasisError where a mount is not granted, or a file missing or changed. */
  restore(checkpoint: Checkpoint, { allowChangedFiles }: Pick<Beginning, 'allowChangedFiles'>): Machine {
    const grants = { ...this.#grants(allowChangedFiles), ...this.#carried(checkpoint) }
    const machine = this.#assemble(Kernel.restore(checkpoint.kernel, grants, this.#host))
    const [state] = checkpoint.instances
    if (state !== undefined) machine.engine.restore(state)
    return machine
  }

  /** What there is of directories that were not granted again. Behind a log other files may have been written since. */
  #carried({ files }: Checkpoint): Pick<Grants, 'carriedFiles' | 'detached'> {
    if (files === undefined || this.#log?.isReplaying === true) return {}
    const now = this.#host.clocks.realtime
    const carried = (guest: string) => carriedFileSystem(files, guest, now)
    return {
      ...(files.isComplete && files.content === 'carried' && { carriedFiles: carried }),
      detached: (guest, saved) => detachedOverlay(saved, carried(guest), now),
    }
  }

  #grants(allowChangedFiles: boolean): Grants {
    const now = this.#host.clocks.realtime
    const memoryFileSystem = (saved: Uint8Array | undefined) =>
      saved === undefined ? MemoryFileSystem.create(now) : MemoryFileSystem.restore(saved, now)
    return { mounts: this.#mounts, memoryFileSystem, allowChangedFiles, ...this.#logging() }
  }

  /** The log stands next to the kernel. */
  #interceptors(kernel: Kernel, memory: () => WebAssembly.Memory): readonly Interceptor[] {
    const log = this.#log
    const show = this.#strace
    const shown = show && trace((line) => log?.isCatchingUp || show(line), { memory, now: this.#host.clocks.monotonic })
    return [...this.#fronts, ...(shown ? [shown] : []), ...(log ? [log.interceptor(kernel, memory)] : [])]
  }

  #logging() {
    return { ...this.#log?.kernelOptions, ownCheckpoint: this.#ownCheckpoint }
  }

  #assemble(kernel: Kernel): Machine {
    const memory = () => engine.memory()
    const interceptors = this.#interceptors(kernel, memory)
    const engine: Engine = this.#chosen.create({
      link: (site) => {
        const { module, name } = site
        const own = kernel.link(module, name) ?? this.#linkFunction?.(module, name, memory)
        return compose(interceptors, own ?? unknownImport(module, name), site)
      },
      ...this.#capture,
    })
    kernel.attach(memory)
    return { engine, kernel }
  }
}

function openMount(grant: MountGrant, thread: GuestThread, host: Host): Mount {
  const { guest, readOnly = false } = grant
  if ('memory' in grant) {
    return { guest, kind: 'memory', readOnly, fs: MemoryFileSystem.create(host.clocks.realtime) }
  }
  const source = grant.host
  if (grant.overlay !== true) {
    return { guest, kind: 'host', source, readOnly, fs: thread.openDirectory(source, readOnly) }
  }
  const now = host.clocks.realtime
  const lower = thread.openDirectory(source, true)
  const restore = (saved: Uint8Array) => OverlayFileSystem.restore(saved, lower, now)
  return { guest, kind: 'overlay', source, readOnly, fs: OverlayFileSystem.create(lower, now), restore }
}

function unknownImport(module: string, name: string): never {
  throw new StasisError(
    'STASIS_IMPORT_UNKNOWN',
    `The module imports ${module}.${name}, which is no WASI function and was not given. "stasis inspect" lists what it needs; --import gives functions.`,
    { module, name },
  )
}
