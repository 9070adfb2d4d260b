import { StasisError } from '../../wasm-shim/errors.ts'
import type { Engine } from '../engine/engine.ts'
import { saveModule } from '../store/checkpoints.ts'
import { dropTail, hasCheckpoints, markEnded, removeRun } from '../store/retention.ts'
import { type CheckpointOptions, type CheckpointRequest, CheckpointRequests } from './checkpoint-requests.ts'
import { Request } from './control-block.ts'
import { deferred, type Pending } from './deferred.ts'
import { HostCalls } from './host-calls.ts'
import type { Captured, FromGuest, Message, MountInMemory, ToGuest, TortureCount } from './messages.ts'
import { checkKeys, checkpointKeys } from './options.ts'
import type { CheckpointInfo, Outcome } from './outcome.ts'
import { trapOf, unpackError } from './packed-error.ts'
import type { GuestPort, SessionParts } from './parts.ts'
import { filesOf } from './session-files.ts'
import { isOver, move, type SessionState } from './state.ts'
import { CheckpointWriter, type Taken } from './write-checkpoint.ts'

const nothing = new Uint8Array(0)

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
  readonly #requests: CheckpointRequests
  readonly #calls = new HostCalls()
  /** Captured states that are not saved yet. */
  #unsaved = 0
  #isEnding = false
  /** Calls that the program had made when it was stopped by its log. */
  #stoppedAt = 0
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
    this.#ready = ready
    this.#over = over
    this.#started = ready.promise
    this.done = over.promise
    this.resumedCall = this.#calls.resumed
    this.#requests = new CheckpointRequests({
      control: parts.control,
      post: (...message) => this.#port.post(...message),
      // One after the other: while a state is being saved no other one is asked for, so that memory holds few.
      isOpen: () => this.#state !== 'starting' && this.#unsaved === 0,
      isLogOnly: () => this.#engine === 'log-only',
      onHeldOff: () => parts.onEvent({ kind: 'heldOff' }),
    })
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
    this.#requests.hurry()
  }

  #request(options: CheckpointOptions, mayHalt: boolean, byLog = false): Promise<CheckpointInfo | undefined> {
    return new Promise((resolve, reject) => {
      checkKeys(options, checkpointKeys, 'A checkpoint')
      if (isOver(this.#state)) throw ended(this.name)
      if ((options.label?.length ?? 0) > 4096) {
        throw new StasisError('STASIS_OPTION', 'A label has at most 4096 characters.')
      }
      this.#requests.add({ options, mayHalt, byLog, resolve, reject })
    })
  }

  /** Calls an export of a reactor and resolves to what it returns. Calls are made one after the other. */
  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    if (isOver(this.#state)) return Promise.reject(ended(this.name))
    const { id, result } = this.#calls.add()
    this.#port.post('call', { id, name, args })
    return result
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
    await this.#calls.last
    this.#finish('exited', { kind: 'exited', code: 0 })
    return this.done
  }

  #setState(state: SessionState): void {
    this.#state = move(this.#state, state)
    this.#parts.onEvent({ kind: 'state', state })
  }

  #receive(message: Message<FromGuest>): void {
    if (this.#isEnding) return
    switch (message.kind) {
      case 'ready':
        this.#exports = message.payload.exports
        this.#setState('running')
        this.#ready.resolve()
        this.#requests.ask()
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
      case 'regionsLeft':
        this.#parts.onEvent({ kind: 'regionsLeft', ...message.payload })
        return
      case 'inMemory':
        this.#inMemory = message.payload.mounts
        this.#parts.onEvent({ kind: 'inMemory', ...message.payload })
        return
      case 'recovered':
        this.#parts.onEvent({ kind: 'recovered', ...message.payload })
        return
      case 'heldOff':
        this.#requests.heldOff()
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
        this.#calls.take(message.payload.id)?.resolve(message.payload.value)
        return
      case 'notCalled':
        this.#calls.take(message.payload.id)?.reject(unpackError(message.payload.error))
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
    this.#requests.ask(Request.atOnce)
  }

  #refused(cause: string, requested: boolean, error: Error): void {
    const request = this.#requests.take(requested)
    request?.reject(error)
    this.#parts.onEvent({ kind: 'refused', cause: request?.options.cause ?? cause, error })
    if (requested) this.#requests.ask()
  }

  #halted({ requested, calls }: FromGuest['halted']): void {
    const request = this.#requests.take(requested)
    const { store, module } = this.#parts
    const unread = this.#port.holdInput?.(nothing)?.length ?? 0
    // The log is of no use without it; where it cannot be kept, it may still be where it was.
    this.#work = this.#work.then(() => saveModule(store, module.sha256, module.bytes)).catch(() => undefined)
    this.#finish('suspended', { kind: 'stopped', calls, ...(unread > 0 && { unread }) })
    void this.done.then(() => request?.resolve(undefined))
  }

  /** The guest stands still and its log is complete; only input that was taken for it and not read would be lost. */
  #heldByLog(calls: number): void {
    const request = this.#requests.take(true)
    const unread = this.#port.holdInput?.(nothing)?.length ?? 0
    if (request !== undefined && unread > 0) {
      this.#port.releaseInput?.()
      this.#requests.putBack({ ...request, byLog: false })
      this.#requests.ask()
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
    const request = this.#requests.captured(captured.requested)
    const taken = this.#writer.take(captured)
    this.#unsaved++
    this.#work = this.#work.then(async () => {
      this.#setState('checkpointing')
      try {
        await this.#save(taken, request)
      } catch (error) {
        this.#saveFailed(captured, request, error)
      }
      this.#unsaved--
      this.#parts.control.settled()
      this.#requests.ask()
    })
  }

  async #save(given: Taken, request: CheckpointRequest | undefined): Promise<void> {
    const { captured } = given
    const taken = (captured.stop ? this.#port.holdInput?.(captured.input.taken) : undefined) ?? captured.input.taken
    const { info: checkpoint, free } = await this.#writer.write(given, taken, request?.options ?? {})
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
    this.#requests.rejectAll(() => ended(this.name))
    this.#calls.rejectAll(() => ended(this.name))
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

function isTortured({ restores, refused }: TortureCount): boolean {
  return restores + refused > 0
}

function ended(name: string): StasisError {
  return new StasisError('STASIS_SESSION_ENDED', `The session ${name} has ended.`, { name })
}
