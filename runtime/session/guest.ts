import { concat } from '../../wasm-shim/bytes/arrays.ts'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import type { Host } from '../../wasm-shim/wasi/host.ts'
import type { Entry, RunOutcome, StackState } from '../engine/engine.ts'
import { decodeCheckpoint } from '../image/decode.ts'
import type { Checkpoint } from '../image/model.ts'
import type { Interceptor } from '../intercept/interceptor.ts'
import { breakBefore } from './breakpoint.ts'
import { CallQueue } from './call-queue.ts'
import { ControlBlock } from './control-block.ts'
import { countFiles } from './files/checkpoint-files.ts'
import { FirstInput } from './first-input.ts'
import { committing, GuestLog, type Live } from './guest-log.ts'
import { Halt } from './halt.ts'
import { HoldOff, holding } from './hold-off.ts'
import { type GuestSettings, type GuestThread, type Machine, MachineMaker } from './machine.ts'
import type { GuestInit, Message, ToGuest, TortureCount } from './messages.ts'
import { ReplacementCost } from './on-stack-replacement.ts'
import { OwnCheckpoints, pendingCall } from './own-checkpoints.ts'
import { packError, withFrames } from './packed-error.ts'
import { roomToGrow, StateSaver } from './save-state.ts'
import { Screen } from './screen.ts'
import { screenOfReplay } from './screen-replay.ts'
import { CaptureDecider, type CaptureReason, isCheckpoint, isUnseen, osr, turn, watchHost } from './triggers.ts'
import type { Turns } from './turns.ts'

export type { GuestThread } from './machine.ts'

/** Runs a guest by the messages it is given, of which the first is 'init'. */
export function serveGuest(thread: GuestThread): (message: Message<ToGuest>) => void {
  let guest: Guest | undefined
  return (message) => {
    if (message.kind !== 'init') {
      guest?.handle(message)
      return
    }
    try {
      guest = new Guest(thread, message.payload)
    } catch (error) {
      thread.post('failed', { error: packError(error) })
      return
    }
    guest.begin()
  }
}

const nothing = new Uint8Array(0)

type Step = () => RunOutcome

/**
 * The guest and its kernel in their thread. While the guest runs, nothing else does here; between calls of the host, and
 * while it is held after a checkpoint that stopped it, messages are handled.
 */
class Guest {
  readonly #thread: GuestThread
  readonly #init: GuestSettings
  readonly #control: ControlBlock
  readonly #turns: Turns | undefined
  readonly #decider: CaptureDecider
  readonly #host: Host
  readonly #firstInput: FirstInput
  readonly #screen: Screen
  readonly #saver: StateSaver
  readonly #isRestored: boolean
  readonly #ownCheckpoints: OwnCheckpoints
  readonly #log: GuestLog | undefined
  readonly #maker: MachineMaker
  readonly #isLogOnly: boolean
  #isReady = false
  #machine: Machine
  #first: Step | undefined
  /** What the host called, or the stack that was resumed began with. */
  #entry: Entry = { kind: 'start' }
  /** Set while the guest stands still with a stack. */
  #held: StackState | undefined
  #isIdle = false
  #isOver = false
  readonly #calls: CallQueue
  #torture: TortureCount = { restores: 0, refused: 0 }

  constructor(thread: GuestThread, init: GuestInit) {
    this.#thread = thread
    // Without the beginning: a restored image is as large as the guest's memory.
    const { beginning, ...settings } = init
    this.#init = settings
    this.#calls = new CallQueue(thread.post)
    const control = new ControlBlock(init.control)
    this.#control = control
    const checkpoint = beginning.image === undefined ? undefined : decodeCheckpoint(beginning.image)
    this.#host = thread.createHost(control)
    this.#turns = thread.turns?.()
    const holdOff = new HoldOff(this.#host.clocks.monotonic, () => thread.post('heldOff', {}))
    const replacement = new ReplacementCost(this.#host.clocks.monotonic)
    const isHeld = () => this.#machine.kernel.isHeld
    this.#decider = new CaptureDecider(
      control,
      init.triggers,
      init.torture,
      checkpoint?.calls ?? 0,
      () => this.#hasRoom(),
      { isHeld, look: () => holdOff.look(), over: () => holdOff.over() },
      // What captures nothing gives none.
      init.engine === 'log-only' ? undefined : this.#turns,
      replacement,
    )
    this.#ownCheckpoints = new OwnCheckpoints(this.#decider, pendingCall(checkpoint))
    this.#firstInput = new FirstInput(concat([checkpoint?.input ?? nothing, thread.typedBehind ?? nothing]))
    this.#screen = new Screen(checkpoint?.screen)
    this.#isRestored = checkpoint !== undefined || (init.log?.tail.length ?? 0) > 0
    const patient = holding(this.#host, control, holdOff, isHeld)
    const host = watchHost(this.#screen.watch(this.#firstInput.before(patient)), init.triggers, this.#decider)
    this.#log = this.#openLog(checkpoint?.calls ?? 0)
    const capture = {
      shouldCapture: this.#decider.decide,
      onRefused: (error: StasisError) => this.#captureRefused(error),
      onResumed: () => replacement.resumed(),
      ...(thread.stackReserve !== undefined && { stackReserve: thread.stackReserve }),
    }
    this.#maker = new MachineMaker(
      thread,
      settings,
      committing(host, this.#log),
      capture,
      this.#log,
      this.#ownCheckpoints.answer,
      this.#fronts(),
    )
    const { engine } = this.#maker
    this.#isLogOnly = engine.kind === 'log-only'
    if (this.#isLogOnly) thread.post('engine', engine)
    this.#machine =
      checkpoint === undefined ? this.#maker.create(beginning) : this.#maker.restore(checkpoint, beginning)
    this.#saver = new StateSaver(
      {
        ...{ settings, host: this.#host, firstInput: this.#firstInput, screen: this.#screen },
        ...(thread.allocate && { allocate: thread.allocate }),
        machine: () => this.#machine,
        calls: () => this.#decider.calls,
      },
      checkpoint,
    )
    this.#tellInMemory(checkpoint)
    this.#first = this.#firstStep(checkpoint)
  }

  #tellInMemory(checkpoint: Checkpoint | undefined): void {
    const guests = this.#machine.kernel.inMemory
    if (guests.length === 0 || checkpoint === undefined) return
    this.#thread.post('inMemory', { mounts: countFiles(checkpoint, guests) })
  }

  #openLog(calls: number): GuestLog | undefined {
    const { log } = this.#init
    if (log === undefined) return undefined
    const { openLog, post } = this.#thread
    if (openLog === undefined) {
      throw new StasisError('STASIS_LOG_PLACE', 'This host cannot keep a call log. Run without one.')
    }
    const onFull = (waiting: boolean, reason: string) => post('logFull', { waiting, reason })
    const onCaughtUp = (generation: number) => post('caughtUp', { generation })
    const guestLog = new GuestLog(
      (place) => openLog(place, { onFull, durable: log.durable }),
      log,
      calls,
      (live) => this.#goLive(calls, live),
      () => this.#decider.giveWay('replay'),
      onCaughtUp,
    )
    if (guestLog.isReplaying) this.#decider.replay(log.replay?.until)
    return guestLog
  }

  /** What stands before the log. */
  #fronts(): readonly Interceptor[] {
    const log = this.#log
    const wanted = this.#init.log?.replay?.break
    const fronts = wanted ? [breakBefore(wanted.name, wanted.from, this.#decider)] : []
    // With an echo the terminal sees for itself what is written.
    if (log === undefined || !log.isReplaying || log.kernelOptions.echo) return fronts
    const memory = () => this.#machine.engine.memory()
    return [...fronts, screenOfReplay(this.#screen, this.#host, memory, () => log.isReplaying)]
  }

  /** What a session goes on from is seen again where it goes on. */
  #showScreen(): void {
    const { stdout } = this.#host
    if (!this.#isRestored || stdout.kind !== 'tty' || this.#init.log?.replay !== undefined) return
    const bytes = this.#screen.bytes()
    if (bytes.length === 0) return
    if (this.#thread.showScreen) this.#thread.showScreen(bytes, stdout)
    else stdout.write(bytes)
  }

  /** The calls of the log are behind the guest, and this one is made anew. */
  #goLive(from: number, { call, name, end, stdinRead, isRepeated }: Live): void {
    this.#firstInput.skip(stdinRead)
    this.#decider.goLive()
    const { loss } = end
    const payload = { from, to: call, stdinRead, ...(isRepeated && { repeated: name }), ...(loss && { loss }) }
    this.#thread.post('recovered', payload)
    this.#becomeReady()
  }

  #becomeReady(): void {
    if (this.#isReady) return
    this.#isReady = true
    this.#showScreen()
    this.#thread.post('ready', { exports: this.#machine.engine.exports() })
  }

  #tellFiles(): void {
    if (this.#init.log?.replay?.files) this.#thread.post('files', { trees: this.#machine.kernel.writtenFiles() })
  }

  #firstStep(checkpoint: Checkpoint | undefined): Step | undefined {
    const { engine } = this.#machine
    if (checkpoint === undefined) {
      if (engine.hasStart) return () => engine.run({ kind: 'start' })
      return this.#program()
    }
    const [stack] = checkpoint.stacks
    return stack === undefined ? undefined : this.#resume(stack)
  }

  /** What follows the start function: a command's `_start`, a reactor's `_initialize`, or nothing but the host's calls. */
  #program(): Step | undefined {
    const names = this.#machine.engine.exports()
    const name = names.includes('_start') ? '_start' : '_initialize'
    if (!names.includes(name)) return undefined
    return () => this.#run({ kind: 'export', name })
  }

  #run(entry: Entry, args: readonly unknown[] = []): RunOutcome {
    this.#entry = entry
    return this.#machine.engine.run(entry, args)
  }

  begin(): void {
    if (!this.#log?.isReplaying) this.#becomeReady()
    const first = this.#first
    this.#first = undefined
    this.#drive(first)
  }

  handle(message: Exclude<Message<ToGuest>, { kind: 'init' }>): void {
    if (this.#isOver) return
    switch (message.kind) {
      case 'check':
        if (!this.#control.isShared) this.#control.request(message.payload.request)
        if (this.#isIdle) this.#captureIdle()
        else this.#turns?.end()
        return
      case 'call':
        this.#calls.add(message.payload)
        if (this.#isIdle) this.#drive(undefined)
        return
      case 'proceed':
        this.#proceed()
        return
    }
  }

  #proceed(): void {
    const stack = this.#held
    this.#held = undefined
    this.#ownCheckpoints.notSaved()
    if (stack !== undefined) this.#drive(this.#resume(stack))
    else if (!this.#isIdle) this.#drive(undefined)
  }

  #resume(stack: StackState): Step {
    this.#entry = stack.entry
    return () => this.#machine.engine.resume(stack)
  }

  /** Runs the guest until it ends, is held, or has nothing to do. */
  #drive(first: Step | undefined): void {
    this.#isIdle = false
    let step = first
    for (;;) {
      step ??= this.#nextCall()
      if (step === undefined) return
      let outcome: RunOutcome
      try {
        outcome = step()
      } catch (error) {
        // The engine could not even begin: a stack that does not fit the module, a file that has changed meanwhile.
        outcome = { kind: 'trapped', error }
      }
      if (outcome.kind === 'captured') {
        step = this.#captured(outcome.stack, outcome.refused)
        if (step === undefined) return
      } else {
        step = this.#finished(outcome)
        if (this.#isOver) return
      }
    }
  }

  /** The engine cannot capture here. A guest without checkpoints is stopped by giving up its run: its log is enough. */
  #captureRefused(error: StasisError): void {
    const reason = this.#decider.refusal()
    this.#turns?.refused()
    const isStop = reason.requested ? reason.stop : this.#init.stopAfterSnapshot && isCheckpoint(reason)
    if (this.#isLogOnly && isStop && this.#isInLog()) throw new Halt(reason)
    this.#refuse(reason, error)
  }

  /** What runs now is not a call of the host, of which the log knows nothing. */
  #isInLog(): boolean {
    return this.#entry.kind === 'start' || this.#entry.name === '_start' || this.#entry.name === '_initialize'
  }

  #halted({ isRequested: requested }: Halt): undefined {
    this.#log?.commit()
    this.#becomeReady()
    // The call that it stood before was counted as made.
    const calls = this.#decider.calls - 1
    return this.#end(() => this.#thread.post('halted', { requested, calls }))
  }

  #finished(outcome: Exclude<RunOutcome, { kind: 'captured' }>): Step | undefined {
    if (outcome.kind === 'trapped' && outcome.error instanceof Halt) return this.#halted(outcome.error)
    if (!this.#isReady && outcome.kind === 'trapped' && isStasisError(outcome.error)) {
      const { error } = outcome
      return this.#end(() => this.#thread.post('failed', { error: packError(withFrames(error)) }))
    }
    this.#log?.commit()
    this.#becomeReady()
    if (outcome.kind === 'exited') this.#tellFiles()
    switch (outcome.kind) {
      case 'exited':
        return this.#exited(outcome.code)
      case 'trapped':
        return this.#end(() =>
          this.#thread.post('trapped', { error: packError(outcome.error), torture: this.#torture }),
        )
      case 'returned':
        return this.#returned(outcome.value)
    }
  }

  #exited(code: number): undefined {
    const regions = this.#machine.kernel.leftRegions
    if (regions.length > 0 && this.#init.log?.replay === undefined) this.#thread.post('regionsLeft', { regions })
    const files = this.#init.returnFiles ? this.#machine.kernel.memoryMounts() : undefined
    return this.#end(() => this.#thread.post('exited', { code, torture: this.#torture, ...(files && { files }) }))
  }

  #end(tell: () => void): undefined {
    this.#isOver = true
    tell()
  }

  #returned(value: unknown): Step | undefined {
    if (this.#entry.kind === 'start') return this.#program()
    switch (this.#entry.name) {
      case '_start':
        return this.#exited(0)
      case '_initialize':
        return undefined
      default:
        this.#calls.returned(value)
        return undefined
    }
  }

  /** The next call of the host; undefined, and the thread is idle, where there is none. */
  #nextCall(): Step | undefined {
    const call = this.#calls.next(this.#machine.engine.exports())
    if (call !== undefined) return () => this.#run({ kind: 'export', name: call.name }, call.args)
    this.#isIdle = true
    if (this.#log?.isReplaying) this.#idleInReplay()
    return undefined
  }

  #idleInReplay(): void {
    if (this.#init.log?.replay !== undefined) this.#ship({ cause: 'replay', requested: false, stop: true }, [])
    else {
      this.#log?.giveUpTail()
      this.#becomeReady()
    }
  }

  #captureIdle(): void {
    if (this.#machine.kernel.isHeld) {
      this.#thread.post('heldOff', {})
      return
    }
    const reason = this.#decider.reason(false)
    if (reason.requested && this.#ship(reason, []) && this.#isStopping(reason)) this.#isIdle = false
  }

  /** What to do after a capture; undefined when the guest is to stand still. */
  #captured(stack: StackState, refused: StasisError | undefined): Step | undefined {
    const reason = this.#decider.reason()
    const resume = this.#resume(stack)
    if (refused !== undefined) {
      this.#turns?.refused()
      this.#refuse(reason, refused)
      return resume
    }
    if (reason.cause === turn || (reason.cause === 'none' && this.#turns?.isWaiting)) {
      this.#turns!.begin(() => this.#drive(resume))
      return undefined
    }
    if (reason.cause === 'none' || reason.cause === osr) return resume
    if (reason.cause === 'torture') return this.#transplant(stack, reason) ?? resume
    if (this.#isLogEnough(reason, stack)) return this.#holdByLog(stack)
    if (!this.#ship(reason, [stack]) || !this.#isStopping(reason)) return resume
    this.#held = stack
    return undefined
  }

  /** At a call, with nothing at hand that only a checkpoint would carry. */
  #isLogEnough({ byLog = false }: CaptureReason, stack: StackState): boolean {
    if (!byLog || this.#log === undefined || stack.call.import < 0 || !this.#isInLog()) return false
    if (this.#machine.kernel.usesHostFiles) return false
    const unread = this.#host.stdin.unread?.().length ?? 0
    return unread === 0 && this.#firstInput.rest.length === 0
  }

  #holdByLog(stack: StackState): undefined {
    this.#log?.commit()
    this.#held = stack
    this.#thread.post('heldByLog', { calls: this.#decider.calls })
  }

  #isStopping(reason: CaptureReason): boolean {
    return reason.stop || this.#init.stopAfterSnapshot
  }

  #refuse({ cause, requested }: CaptureReason, error: StasisError): void {
    if (cause !== turn && cause !== osr) this.#ownCheckpoints.settle(error)
    if (isUnseen(cause)) return
    if (cause === 'torture') {
      const { restores, refused, reason = error.message } = this.#torture
      this.#torture = { restores, refused: refused + 1, reason }
    } else this.#thread.post('refused', { cause, requested, error: packError(error) })
  }

  /** Whether a checkpoint can be copied to memory at hand; else asks for some, and the guest goes on meanwhile. */
  #hasRoom(): boolean {
    const { hasRoom } = this.#thread
    if (hasRoom === undefined || this.#init.stopAfterSnapshot) return true
    const most = this.#saver.mostBytes()
    if (most !== undefined && hasRoom(most)) return true
    const size = this.#saver.size()
    if (size === undefined || hasRoom(size)) return true
    this.#thread.post('roomWanted', { size: size + Math.max(size >> 3, roomToGrow) })
    return false
  }

  /** Hands out the state as it is now. The guest stands still for no more than the copy. */
  #ship(reason: CaptureReason, stacks: readonly StackState[]): boolean {
    const payload = this.#saved(reason, () => this.#saver.captured(reason, this.#isStopping(reason), stacks))
    if (payload === undefined) return false
    const parts = [payload.body, ...(payload.contents ?? []).flatMap(({ bytes }) => (bytes ? [bytes] : []))]
    const buffers = parts.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []))
    this.#becomeReady()
    this.#tellFiles()
    this.#log?.rotate()
    this.#ownCheckpoints.settle()
    this.#control.shipped()
    this.#thread.post('captured', payload, buffers)
    return true
  }

  /** Encodes the state, forgets everything, and goes on from the image; undefined where it cannot be saved. */
  #transplant(stack: StackState, reason: CaptureReason): Step | undefined {
    const state = this.#saved(reason, () => this.#saver.state(reason, [stack]))
    if (state === undefined) return undefined
    return () => {
      const checkpoint = decodeCheckpoint(this.#saver.image(state))
      this.#machine.kernel.close()
      this.#machine = this.#maker.restore(checkpoint, { allowChangedFiles: false })
      this.#torture = { ...this.#torture, restores: this.#torture.restores + 1 }
      return this.#resume(checkpoint.stacks[0]!)()
    }
  }

  /** What `save` makes; undefined, and the reason told, where the state cannot be saved. */
  #saved<T>(reason: CaptureReason, save: () => T): T | undefined {
    try {
      return save()
    } catch (error) {
      if (!isStasisError(error)) throw error
      this.#refuse(reason, error)
      return undefined
    }
  }
}
