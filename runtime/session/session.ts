import { StasisError } from '../../wasm-shim/errors.ts'
import type { PollMode } from '../../wasm-shim/prelink/index.ts'
import type { WrittenTree } from '../../wasm-shim/wasi/recovery/written-files.ts'
import type { Engine } from '../engine/engine.ts'
import { captureLogOnly } from '../engine/log-only-error.ts'
import { saveModule } from '../store/checkpoints.ts'
import { dropTail, hasCheckpoints, markEnded, removeRun } from '../store/retention.ts'
import type { SessionLock, Store } from '../store/store.ts'
import { type ControlBlock, Request } from './control-block.ts'
import type { Captured, FromGuest, Message, MountInMemory, Post, Recovered, ToGuest, TortureCount } from './messages.ts'
import { checkKeys, checkpointKeys } from './options.ts'
import { TrapError, unpackError } from './packed-error.ts'
import { filesOf, type SessionFile } from './session-files.ts'
import { isOver, move, type SessionState } from './state.ts'
import { CheckpointWriter } from './write-checkpoint.ts'

/** A checkpoint that is in the store. */
export interface CheckpointInfo {
  readonly session: string
  readonly version: number
  readonly cause: string
  readonly label?: string
  /** Milliseconds since the epoch. */
  readonly time: number
  /** Calls that the program had made. */
  readonly calls: number
  /** Bytes of the image. */
  readonly size: number
  /** Bytes that it added to the store: pages of earlier versions are referred to. */
  readonly added: number
  /** Milliseconds for which the guest stood still. */
  readonly pause: number
}

export type Outcome =
  | {
      readonly kind: 'exited'
      readonly code: number
      readonly torture?: TortureCount
      /** Of memory mounts, where `returnFiles` asks for them. */
      readonly files?: readonly SessionFile[]
    }
  | { readonly kind: 'suspended'; readonly checkpoint: CheckpointInfo }
  /**
   * By `stop` without a checkpoint: the log-only engine has none. It is restored by making its `calls` calls again.
   * `unread`: bytes that were taken from stdin and not read, which are lost.
   */
  | { readonly kind: 'stopped'; readonly calls: number; readonly unread?: number }
  /** `error` is a TrapError (with the guest's functions on the stack) or whatever else ended the guest. */
  | { readonly kind: 'trapped'; readonly error: Error; readonly torture?: TortureCount }

export type SessionEvent =
  | { readonly kind: 'checkpoint'; readonly checkpoint: CheckpointInfo }
  /** No checkpoint was taken, or it could not be saved. The guest goes on. */
  | { readonly kind: 'refused'; readonly cause: string; readonly error: Error }
  | { readonly kind: 'state'; readonly state: SessionState }
  /** The program runs with another engine than the instrumented one; `reason`, a sentence, where nobody asked for it. */
  | { readonly kind: 'engine'; readonly engine: Engine['kind']; readonly reason?: string }
  /** What came after the checkpoint was done again, by the call log. */
  | ({ readonly kind: 'recovered' } & Recovered)
  /** Where a replay stopped or ended, what the program had written below its host directories. */
  | { readonly kind: 'files'; readonly trees: readonly WrittenTree[] }
  /** Directories of the host that were not granted again: they go on in memory, with the files that were carried. */
  | { readonly kind: 'inMemory'; readonly mounts: readonly MountInMemory[] }
  /** Before going on, files were put back to what the session had written then. */
  | { readonly kind: 'filesRestored'; readonly written: number; readonly removed: number }
  /** The newest checkpoint or its log was of no use, and an older one is tried. */
  | { readonly kind: 'fellBack'; readonly to: string; readonly error: Error }
  /** The program does not want a checkpoint at the moment: the one that was requested is taken as soon as it does. */
  | { readonly kind: 'heldOff' }
  /** The guest stands still, since there is no room for its log; or it goes on. */
  | { readonly kind: 'logFull'; readonly waiting: boolean; readonly reason: string }
  /** The guest's thread cannot sleep, and gives way to its event loop instead, which takes time; `reason`, a sentence. */
  | { readonly kind: 'slower'; readonly reason: string }

export interface CheckpointOptions {
  readonly label?: string
  /** Stop the session afterwards: `done` becomes 'suspended'. */
  readonly stop?: boolean
  /** Default: 'request'. */
  readonly cause?: string
  /** Carry the contents of the host's files. Default true, but for the cause 'keyframe'. */
  readonly files?: boolean
}

/** The thread that the guest runs in, as seen by the session. */
export interface GuestPort {
  readonly post: Post<ToGuest>
  /** Gives a checkpoint's memory back, to be filled again: new memory costs several times the copy. */
  readonly recycle?: (buffer: ArrayBuffer) => void
  /** Gives new memory, of which the first use is not left to the guest's thread. */
  readonly makeRoom?: (size: number) => Promise<void>
  /**
   * Takes nothing more from stdin's source, and gives all that was taken and not read by the guest, which stands still;
   * `taken` is what the guest's thread knows of. Absent, or without a result, where that thread takes its input by itself.
   */
  readonly holdInput?: (taken: Uint8Array) => Uint8Array | undefined
  readonly releaseInput?: () => void
  /** Ends the thread, wherever the guest is. */
  terminate(): Promise<void>
}

/** What a session is made of; `startSession` and `restoreSession` put it together. */
export interface SessionParts {
  readonly name: string
  readonly id: string
  readonly store: Store
  readonly lock: SessionLock
  readonly control: ControlBlock
  readonly module: { readonly bytes: Uint8Array; readonly sha256: string; readonly name: string }
  readonly polls: PollMode
  readonly keep: boolean
  /** Keep the log of a program that has ended, and its checkpoints. */
  readonly keepLog: boolean
  readonly onEvent: (event: SessionEvent) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Lets other work of the thread go first. */
  readonly pause?: () => Promise<void>
  /** Comparison of equally long bytes, where the host has a faster one. */
  readonly equal?: (a: Uint8Array, b: Uint8Array) => boolean
  /** After a checkpoint was saved: removes what is not needed any more. */
  readonly retain?: () => Promise<void>
  /** Notes with which engine the session runs, where that was not known before. */
  readonly keepEngine?: (kind: Engine['kind']) => Promise<void>
  /** Before the session's files are left or removed: ends what else is being done with them. */
  readonly settle?: () => Promise<void>
  /** Of a log that is followed: all of this generation is behind the guest. */
  readonly onCaughtUp?: (generation: number) => void
  /** Its files are still somebody else's, and left as they are. */
  readonly isWaiting?: () => boolean
}

const nothing = new Uint8Array(0)

interface Pending<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

interface CheckpointRequest extends Pending<CheckpointInfo | undefined> {
  readonly options: CheckpointOptions
  /** A stop will do without a checkpoint. */
  readonly mayHalt: boolean
  /** A stop is better without one, where the log is enough. */
  readonly byLog: boolean
}

/** One run of a program, seen from the thread that serves people. */
export class Session {
  readonly #parts: SessionParts
  readonly #port: GuestPort
  readonly #writer: CheckpointWriter
  #state: SessionState = 'starting'
  #engine: Engine['kind'] = 'instrumented'
  #inMemory: readonly MountInMemory[] = []
  #exports: readonly string[] = []
  readonly #ready: Pending<void>
  readonly #started: Promise<void>
  readonly #over: Pending<Outcome>
  /** Requests in order; the first one is with the guest. */
  readonly #requests: CheckpointRequest[] = []
  readonly #calls = new Map<number, Pending<unknown>>()
  #lastId = 0
  /** Settles with the latest call, hence after all others. */
  #lastCall: Promise<unknown> = Promise.resolve()
  /** Captured states that are not saved yet. */
  #unsaved = 0
  #isEnding = false
  /** Serial of the label that a checkpoint of this run bears. */
  #usedLabel = -1
  /** Calls that the program had made when it was stopped by its log. */
  #stoppedAt = 0
  /** Who asked is told, and whoever asks meanwhile. */
  #isHeldOff = false
  /** Saves and the end, one after the other. */
  #work: Promise<void> = Promise.resolve()

  /** How it ended. Never rejects. */
  readonly done: Promise<Outcome>
  /** What the call returned that the host had made before the checkpoint from which this session was restored. */
  readonly resumedCall: Promise<unknown>

  /** `open` makes the port, given where the guest's messages go and what to do when its thread fails. */
  constructor(
    parts: SessionParts,
    open: (receive: (message: Message<FromGuest>) => void, fail: (error: unknown) => void) => GuestPort,
  ) {
    this.#parts = parts
    this.#writer = new CheckpointWriter(parts)
    const ready = deferred<void>()
    const over = deferred<Outcome>()
    const resumed = deferred<unknown>()
    this.#ready = ready
    this.#over = over
    this.#calls.set(0, resumed)
    this.#started = ready.promise
    this.done = over.promise
    this.resumedCall = resumed.promise
    // Nobody has to wait for it.
    resumed.promise.catch(() => undefined)
    this.#port = open(
      (message) => this.#receive(message),
      (error) => this.#threadFailed(error),
    )
  }

  /** Hands the program to its thread. Rejects where it cannot run there. */
  async begin(init: ToGuest['init']): Promise<this> {
    const image = init.beginning.image
    const isMovable = image !== undefined && image.buffer.byteLength === image.length
    this.#port.post('init', init, isMovable && image.buffer instanceof ArrayBuffer ? [image.buffer] : [])
    try {
      await this.#started
    } catch (error) {
      await this.done
      throw error
    }
    return this
  }

  get name(): string {
    return this.#parts.name
  }

  /** Identity of this run; a restored newest version keeps it, any other restore gets a new one. */
  get id(): string {
    return this.#parts.id
  }

  get state(): SessionState {
    return this.#state
  }

  /** What runs the program. */
  get engine(): Engine['kind'] {
    return this.#engine
  }

  /** Directories of the host that were not granted again, and go on in memory. */
  get inMemory(): readonly MountInMemory[] {
    return this.#inMemory
  }

  /** Names of the module's exports. */
  get exports(): readonly string[] {
    return this.#exports
  }

  /**
   * Takes a checkpoint at the guest's next call or poll (at once where it waits; where the program holds checkpoints off, as
   * soon as it does no more, and an event tells if that takes long) and resolves when it is in the store; one
   * that stops the session, when that is over and could be restored.
   * Rejects where it is refused or cannot be saved, and the guest goes on; or when the session ends before.
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<CheckpointInfo> {
    const checkpoint = await this.#request(options, false)
    return checkpoint!
  }

  /**
   * Stops the session where it is, at the guest's next call or poll, so that it can be restored: with a checkpoint, or, where
   * its engine takes none, by its log alone. Resolves when that is over; rejects as `checkpoint` does.
   */
  async stop(options: Omit<CheckpointOptions, 'stop'> = {}): Promise<Outcome> {
    await this.#request({ ...options, stop: true }, true)
    return this.done
  }

  /**
   * Stops the session before a call, so that it can be restored by its log behind the newest checkpoint: the guest has made its
   * last call when this resolves, and nobody holds the session's lock any more. Where the log is not enough (none is kept,
   * input was taken that the guest has not read) or `hurry` is called, a checkpoint is taken, as `stop` does.
   */
  async stopByLog(options: Omit<CheckpointOptions, 'stop'> = {}): Promise<Outcome> {
    const checkpoint = await this.#request({ ...options, stop: true }, true, true)
    return checkpoint === undefined ? { kind: 'stopped', calls: this.#stoppedAt } : { kind: 'suspended', checkpoint }
  }

  /** A stop by the log is under way and the guest makes no call: a poll will do, with a checkpoint. */
  hurry(): void {
    if (this.#requests[0]?.byLog) this.#parts.control.request(Request.anywhere)
  }

  #request(options: CheckpointOptions, mayHalt: boolean, byLog = false): Promise<CheckpointInfo | undefined> {
    return new Promise((resolve, reject) => {
      checkKeys(options, checkpointKeys, 'A checkpoint')
      if (isOver(this.#state)) throw ended(this.name)
      if ((options.label?.length ?? 0) > 4096) {
        throw new StasisError('STASIS_OPTION', 'A label has at most 4096 characters.')
      }
      this.#requests.push({ options, mayHalt, byLog, resolve, reject })
      if (this.#requests.length === 1) this.#ask()
      else if (this.#isHeldOff && options.cause !== 'keyframe') this.#parts.onEvent({ kind: 'heldOff' })
    })
  }

  /** Calls an export of a reactor and resolves to what it returns. Calls are made one after the other. */
  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    if (isOver(this.#state)) return Promise.reject(ended(this.name))
    const { promise, ...call } = deferred<unknown>()
    const id = ++this.#lastId
    this.#calls.set(id, call)
    this.#port.post('call', { id, name, args })
    this.#lastCall = promise.catch(() => undefined)
    return promise
  }

  /**
   * Ends the session at once, wherever the guest is; its checkpoints stay, and its log, unless `what` is 'checkpoints' and
   * there are none. `done` becomes 'exited' with `code`.
   */
  async terminate(code = 0, what: 'all' | 'checkpoints' = 'all'): Promise<void> {
    const { store, name, id } = this.#parts
    this.#finish('exited', { kind: 'exited', code }, async () => {
      if (what === 'checkpoints' && !(await hasCheckpoints(store, name, id))) await removeRun(store, name, id)
    })
    await this.#port.terminate()
    await this.done
  }

  /** Ends a reactor when its calls are done, like a program that exits with 0. */
  async end(): Promise<Outcome> {
    await this.#lastCall
    this.#finish('exited', { kind: 'exited', code: 0 })
    return this.done
  }

  #setState(state: SessionState): void {
    this.#state = move(this.#state, state)
    this.#parts.onEvent({ kind: 'state', state })
  }

  /** Puts the first request before the guest. */
  #ask(how = 0): void {
    // One after the other: while a state is being saved no other one is asked for, so that memory holds few.
    if (this.#state === 'starting' || this.#unsaved > 0) return
    while (this.#engine === 'log-only' && this.#requests[0]?.mayHalt === false) {
      this.#requests.shift()?.reject(captureLogOnly())
    }
    const [request] = this.#requests
    if (request === undefined) return
    const { cause, files = cause !== 'keyframe' } = request.options
    const lean = files ? 0 : Request.lean
    const stop = (request.options.stop ? Request.stop : 0) | (request.byLog ? Request.byLog : 0)
    const bits = Request.checkpoint | stop | lean | how
    this.#parts.control.request(bits)
    this.#port.post('check', { request: bits })
  }

  #receive(message: Message<FromGuest>): void {
    if (this.#isEnding) return
    switch (message.kind) {
      case 'ready':
        this.#exports = message.payload.exports
        this.#setState('running')
        this.#ready.resolve()
        this.#ask()
        return
      case 'failed':
        this.#fail(unpackError(message.payload.error))
        return
      case 'captured':
        this.#queueSave(message.payload)
        return
      case 'engine': {
        const { kind, reason } = message.payload
        this.#engine = kind
        this.#work = this.#work.then(() => this.#parts.keepEngine?.(kind)).catch((error) => this.#tell('start', error))
        this.#parts.onEvent({ kind: 'engine', engine: kind, ...(reason !== undefined && { reason }) })
        return
      }
      case 'halted':
        this.#halted(message.payload)
        return
      case 'heldByLog':
        this.#heldByLog(message.payload.calls)
        return
      case 'caughtUp':
        this.#parts.onCaughtUp?.(message.payload.generation)
        return
      case 'files':
        this.#parts.onEvent({ kind: 'files', ...message.payload })
        return
      case 'inMemory':
        this.#inMemory = message.payload.mounts
        this.#parts.onEvent({ kind: 'inMemory', ...message.payload })
        return
      case 'recovered':
        this.#parts.onEvent({ kind: 'recovered', ...message.payload })
        return
      case 'heldOff':
        this.#isHeldOff = true
        if (this.#requests.some(isSomebodys)) this.#parts.onEvent({ kind: 'heldOff' })
        return
      case 'logFull':
        this.#parts.onEvent({ kind: 'logFull', ...message.payload })
        return
      case 'roomWanted':
        void this.#makeRoom(message.payload.size)
        return
      case 'refused':
        this.#refused(message.payload.cause, message.payload.requested, unpackError(message.payload.error))
        return
      case 'returned':
        this.#takeCall(message.payload.id)?.resolve(message.payload.value)
        return
      case 'notCalled':
        this.#takeCall(message.payload.id)?.reject(unpackError(message.payload.error))
        return
      case 'exited': {
        const { code, torture, files } = message.payload
        const left = files && { files: files.flatMap(filesOf) }
        this.#finish('exited', { kind: 'exited', code, ...(isTortured(torture) && { torture }), ...left })
        return
      }
      case 'trapped': {
        const { torture } = message.payload
        const error = trapOf(unpackError(message.payload.error))
        this.#finish('trapped', { kind: 'trapped', error, ...(isTortured(torture) && { torture }) })
        return
      }
    }
  }

  /** Where there is no room, the guest's thread will say so. */
  async #makeRoom(size: number): Promise<void> {
    await this.#port.makeRoom?.(size).catch(() => undefined)
    this.#ask(Request.atOnce)
  }

  #takeCall(id: number): Pending<unknown> | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    return call
  }

  #refused(cause: string, requested: boolean, error: Error): void {
    if (requested) this.#isHeldOff = false
    const request = requested ? this.#requests.shift() : undefined
    request?.reject(error)
    this.#parts.onEvent({ kind: 'refused', cause: request?.options.cause ?? cause, error })
    if (requested) this.#ask()
  }

  #halted({ requested, calls }: FromGuest['halted']): void {
    const request = requested ? this.#requests.shift() : undefined
    const { store, module } = this.#parts
    const unread = this.#port.holdInput?.(nothing)?.length ?? 0
    // The log is of no use without it; where it cannot be kept, it may still be where it was.
    this.#work = this.#work.then(() => saveModule(store, module.sha256, module.bytes)).catch(() => undefined)
    this.#finish('suspended', { kind: 'stopped', calls, ...(unread > 0 && { unread }) })
    void this.done.then(() => request?.resolve(undefined))
  }

  /** The guest stands still and its log is complete; only input that was taken for it and not read would be lost. */
  #heldByLog(calls: number): void {
    const request = this.#requests.shift()
    const unread = this.#port.holdInput?.(nothing)?.length ?? 0
    if (request !== undefined && unread > 0) {
      this.#port.releaseInput?.()
      this.#requests.unshift({ ...request, byLog: false })
      this.#ask()
      this.#port.post('proceed', {})
      return
    }
    this.#stoppedAt = calls
    this.#finish('suspended', { kind: 'stopped', calls }, undefined, async () => {
      // The guest's thread does nothing any more: to end it can wait, and whoever wants the session need not.
      await this.#parts.settle?.()
      await this.#parts.lock.release()
      request?.resolve(undefined)
    })
  }

  #queueSave(captured: Captured): void {
    this.#isHeldOff = false
    const request = captured.requested ? this.#requests.shift() : undefined
    this.#unsaved++
    this.#work = this.#work.then(async () => {
      this.#setState('checkpointing')
      try {
        await this.#save(captured, request)
      } catch (error) {
        this.#saveFailed(captured, request, error)
      }
      this.#unsaved--
      this.#parts.control.settled()
      this.#ask()
    })
  }

  async #save(captured: Captured, request: CheckpointRequest | undefined): Promise<void> {
    const taken = (captured.stop ? this.#port.holdInput?.(captured.input.taken) : undefined) ?? captured.input.taken
    const options = this.#labelled(captured, request?.options ?? {})
    const { info: checkpoint, free } = await this.#writer.write(captured, taken, options)
    if (free instanceof ArrayBuffer) this.#port.recycle?.(free)
    this.#parts.onEvent({ kind: 'checkpoint', checkpoint })
    await this.#parts.retain?.().catch((error) => this.#tell('end', error))
    if (captured.stop) {
      this.#finish('suspended', { kind: 'suspended', checkpoint })
      void this.done.then(() => request?.resolve(checkpoint))
    } else {
      this.#setState('running')
      request?.resolve(checkpoint)
    }
  }

  /** The program's own label goes to its next checkpoint that has no other one. */
  #labelled({ label, cause }: Captured, options: CheckpointOptions): CheckpointOptions {
    if (label === undefined || label.serial <= this.#usedLabel) return options
    if (options.label !== undefined || unlabelled.has(options.cause ?? cause)) return options
    this.#usedLabel = label.serial
    return { ...options, label: label.text }
  }

  #saveFailed(captured: Captured, request: CheckpointRequest | undefined, error: unknown): void {
    const cause = request?.options.cause ?? captured.cause
    request?.reject(error)
    this.#tell(cause, error)
    this.#setState('running')
    if (captured.body.buffer instanceof ArrayBuffer) this.#port.recycle?.(captured.body.buffer)
    if (captured.stop) {
      this.#port.releaseInput?.()
      this.#port.post('proceed', {})
    }
  }

  #threadFailed(error: unknown): void {
    if (this.#isEnding) return
    const message = error instanceof Error ? error.message : String(error)
    const failure = new StasisError(
      'STASIS_GUEST_THREAD',
      `The guest's thread failed: ${message}.`,
      {},
      { cause: error },
    )
    if (this.#state === 'starting') this.#fail(failure)
    else this.#finish('trapped', { kind: 'trapped', error: failure })
  }

  /** The session could not be started. */
  #fail(error: Error): void {
    this.#ready.reject(error)
    this.#finish('trapped', { kind: 'trapped', error })
  }

  /**
   * Once the checkpoints under way are saved: leaves the final state, cleans up, resolves `done`. What exits by itself
   * takes its checkpoints along; what trapped keeps them, for whoever wants to know why.
   */
  #finish(
    state: 'suspended' | 'exited' | 'trapped',
    outcome: Outcome,
    leave = () => this.#leave(outcome),
    first?: () => Promise<void>,
  ): void {
    if (this.#isEnding) return
    this.#isEnding = true
    const { lock } = this.#parts
    this.#work = this.#work.then(async () => {
      this.#close(state)
      try {
        await first?.()
        await this.#port.terminate()
        await this.#parts.settle?.()
        if (state === 'exited' && !this.#parts.isWaiting?.()) await leave()
        await lock.release()
      } catch (error) {
        this.#tell('end', error)
      }
      this.#over.resolve(outcome)
    })
  }

  #tell(cause: string, thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    this.#parts.onEvent({ kind: 'refused', cause, error })
  }

  #close(state: SessionState): void {
    this.#setState(state)
    this.#ready.reject(ended(this.name))
    for (const request of this.#requests.splice(0)) request.reject(ended(this.name))
    for (const call of this.#calls.values()) call.reject(ended(this.name))
    this.#calls.clear()
  }

  /** What stays in the store of a program that has ended by itself. */
  async #leave(outcome: Outcome): Promise<void> {
    const { store, name, id, keep, keepLog } = this.#parts
    const code = outcome.kind === 'exited' ? outcome.code : 0
    if (keepLog) await markEnded(store, name, id, code)
    else if (keep) await dropTail(store, name, id, code)
    else await removeRun(store, name, id)
  }
}

/** Checkpoints that are none of the program's history, or there for a while only. */
const unlabelled: ReadonlySet<string> = new Set(['keyframe', 'fork', 'replay'])

/** Nobody waits for a keyframe. */
const isSomebodys = ({ options }: CheckpointRequest): boolean => options.cause !== 'keyframe'

function deferred<T>(): Pending<T> & { readonly promise: Promise<T> } {
  let pending!: Pending<T>
  const promise = new Promise<T>((resolve, reject) => {
    pending = { resolve, reject }
  })
  return { ...pending, promise }
}

/** InternalError: a stack that overflowed, in Firefox. */
const traps: ReadonlySet<string> = new Set(['RuntimeError', 'RangeError', 'InternalError'])

function trapOf(error: Error): Error {
  return traps.has(error.name) ? new TrapError(error) : error
}

function isTortured({ restores, refused }: TortureCount): boolean {
  return restores + refused > 0
}

function ended(name: string): StasisError {
  return new StasisError('STASIS_SESSION_ENDED', `The session ${name} has ended.`, { name })
}
