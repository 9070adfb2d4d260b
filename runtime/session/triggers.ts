import { type Host, type HostStream, type WaitCondition, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import type { ImportSite } from '../intercept/interceptor.ts'
import { type ControlBlock, Request } from './control-block.ts'
import type { ReplacementCost } from './on-stack-replacement.ts'
import type { Turns } from './turns.ts'

/** When to take a checkpoint without being asked. */
export type Trigger =
  /** Just before the `call`-th call, counted from 1. */
  | { readonly kind: 'call'; readonly call: number }
  /** At the first call that reads stdin or waits for it. */
  | { readonly kind: 'first-stdin' }
  /** Whenever the guest begins to wait. */
  | { readonly kind: 'idle' }

/** Whether the program wants no checkpoint at the moment, and who is told of a request that waits for it. */
export interface Hold {
  readonly isHeld: () => boolean
  readonly look: () => void
  readonly over: () => void
}

const noHold: Hold = { isHeld: () => false, look: () => undefined, over: () => undefined }
const mostUnsaved = 2

export interface CaptureReason {
  readonly cause: string
  readonly requested: boolean
  readonly stop: boolean
  /** Without the contents of the host's files. */
  readonly lean?: boolean
  /** The log will do instead of a checkpoint. */
  readonly byLog?: boolean
}

/** The cause of a capture after which the guest goes on in place, when the event loop has turned. */
export const turn = 'turn'
/** The cause of a capture after which the guest goes on in place at once (on-stack replacement). */
export const osr = 'osr'

const isInPlace = (cause: string | undefined): boolean => cause === turn || cause === osr

/** What nobody outside of the guest's thread hears of. */
export const isUnseen = (cause: string): boolean => cause === 'none' || isInPlace(cause)

/** Whether it is more than a test or nothing. */
export const isCheckpoint = ({ cause }: CaptureReason): boolean => !isUnseen(cause) && cause !== 'torture'

/**
 * Decides at every call whether to capture the stack there, and afterwards says why. Calls are counted when they are
 * let through, so `calls` is the number of calls made before the instant of a capture; the call that the capture stands
 * before is made, and counted, on resume.
 */
export class CaptureDecider {
  readonly #control: ControlBlock
  readonly #hasRoom: () => boolean
  readonly #turns: Pick<Turns, 'isDue'> | undefined
  readonly #replacement: Pick<ReplacementCost, 'isWorth'>
  readonly #hold: Hold
  readonly #torture: number
  readonly #callTriggers: number[]
  #calls: number
  /** The next call that is captured for its number; Infinity for none. */
  #nextCall = Number.POSITIVE_INFINITY
  #nextTorture = Number.POSITIVE_INFINITY
  #decided = false
  #atPoll = false
  /** Set by the watch over the host before it gives way. */
  #hostCause: string | undefined
  #isReplaying = false

  /**
   * `hasRoom` is asked once for each request that is not to be met at once; with its no, the request is over. `turns` tell
   * when the event loop wants to turn, in a thread that must not block.
   */
  constructor(
    control: ControlBlock,
    triggers: readonly Trigger[],
    torture: number,
    calls: number,
    hasRoom: () => boolean = () => true,
    hold: Hold = noHold,
    turns?: Pick<Turns, 'isDue'>,
    replacement: Pick<ReplacementCost, 'isWorth'> = { isWorth: () => true },
  ) {
    this.#replacement = replacement
    this.#control = control
    this.#hold = hold
    this.#turns = turns
    this.#hasRoom = hasRoom
    this.#torture = torture
    this.#calls = calls
    const numbers = triggers.flatMap((trigger) => (trigger.kind === 'call' ? [trigger.call] : []))
    // The call that a restored guest stands before was captured already.
    const first = calls === 0 ? 1 : calls + 2
    this.#callTriggers = numbers.filter((number) => number >= first).sort((a, b) => a - b)
    if (torture > 0) this.#nextTorture = Math.ceil(first / torture) * torture
    this.#plan()
  }

  /** Calls are counted, and captured for no request, until `goLive`; or until the call of number `until`, from 0 on. */
  replay(until?: number): void {
    this.#isReplaying = true
    this.#nextCall = until === undefined ? Number.POSITIVE_INFINITY : until + 1
  }

  /** Triggers for calls that are past have lost their meaning. The call being made is counted already. */
  goLive(): void {
    this.#isReplaying = false
    while ((this.#callTriggers[0] ?? Number.POSITIVE_INFINITY) <= this.#calls) this.#callTriggers.shift()
    if (this.#torture > 0) this.#nextTorture = Math.ceil((this.#calls + 1) / this.#torture) * this.#torture
    this.#plan()
  }

  /** Triggers wait until the program wants checkpoints again. */
  get isHeld(): boolean {
    return this.#hold.isHeld()
  }

  /** As many states are on their way to the store as memory is to hold: one more is left out. */
  get isBehind(): boolean {
    return this.#control.unsaved >= mostUnsaved
  }

  get calls(): number {
    return this.#calls
  }

  #plan(): void {
    this.#nextCall = Math.min(this.#nextTorture, this.#callTriggers[0] ?? Number.POSITIVE_INFINITY)
  }

  /** On the path of every call. */
  readonly decide = (site: ImportSite | 'poll'): boolean => {
    if (this.#control.pending !== 0 && this.#isReady(site)) {
      this.#decided = true
      this.#atPoll = site === 'poll'
      return true
    }
    if (site === 'poll') return this.#giveTurn(site)
    // A replay is stopped anywhere: what it shows is past.
    if (this.#calls + 1 >= this.#nextCall && (this.#isReplaying || !this.#hold.isHeld())) {
      this.#decided = true
      this.#atPoll = false
      return true
    }
    if (this.#giveTurn(site)) return true
    this.#calls++
    return false
  }

  /** Captures for the sake of the event loop. */
  #giveTurn(site: ImportSite | 'poll'): boolean {
    if (this.#turns === undefined || !this.#turns.isDue()) return false
    this.#decideFor(turn, site)
    return true
  }

  #isReady(site: ImportSite | 'poll'): boolean {
    if (!this.#control.isRequested) return this.#isWorth(site)
    if (this.#isReplaying) return false
    // What was computed since the last call would have to be computed again.
    if (site === 'poll' && (this.#control.pending & (Request.byLog | Request.anywhere)) === Request.byLog) return false
    if (this.#hold.isHeld()) {
      this.#hold.look()
      return false
    }
    this.#hold.over()
    if ((this.#control.pending & (Request.stop | Request.atOnce)) !== 0) return true
    // Before the other side is asked for room, since with that it requests anew.
    const bits = this.#control.take()
    if (!this.#hasRoom()) return false
    this.#control.request(bits)
    return true
  }

  /** Whether to resume the stack in place. A suggestion that comes too early is over. */
  #isWorth(site: ImportSite | 'poll'): boolean {
    // What is requested at this very moment stays so.
    this.#control.suggest(this.#control.take() & ~Request.osr)
    if (!this.#replacement.isWorth()) return false
    this.#decideFor(osr, site)
    return true
  }

  /** Captures for the sake of the guest itself, which goes on in place. */
  #decideFor(cause: string, site: ImportSite | 'poll'): void {
    this.#decided = true
    this.#atPoll = site === 'poll'
    this.#hostCause = cause
  }

  /** The call gives way because of the host, to be captured for this reason. */
  giveWay(cause: string): void {
    this.#hostCause = cause
  }

  /** Once for each captured stack: why. `isRunning` is false where the guest had no stack. */
  reason(isRunning = true): CaptureReason {
    // A call that gave way inside the host was let through, and will be again.
    if (isRunning && !this.#decided) this.#calls--
    this.#decided = false
    const hostCause = this.#hostCause
    this.#hostCause = undefined
    // What the guest is captured for without a request meets none that it holds off, or that a replay is no answer to.
    const isUnmet = isInPlace(hostCause) && (this.#isReplaying || this.#hold.isHeld())
    const bits = isUnmet ? 0 : this.#control.take()
    if ((bits & ~Request.osr) !== 0) {
      const has = (bit: number) => (bits & bit) !== 0
      const [stop, lean] = [has(Request.stop), has(Request.lean)]
      return { cause: 'request', requested: true, stop, lean, byLog: has(Request.byLog) }
    }
    return { cause: hostCause ?? this.#numberCause(), requested: false, stop: false }
  }

  /** Instead of `reason`, where the capture was refused before anything was unwound: the call goes ahead, and counts. */
  refusal(): CaptureReason {
    const isCall = !(this.#decided && this.#atPoll)
    const reason = this.reason()
    if (isCall) this.#calls++
    return reason
  }

  #numberCause(): string {
    const call = this.#calls + 1
    // Earlier than the call where a request came first there, and was refused.
    const isTrigger = (this.#callTriggers[0] ?? Number.POSITIVE_INFINITY) <= call
    if (isTrigger) this.#callTriggers.shift()
    else if (this.#isReplaying && call >= this.#nextCall) return 'replay'
    // Both at once: torture's turn comes when the call is made again.
    else if (call >= this.#nextTorture) this.#nextTorture = call + this.#torture
    else return 'none'
    this.#plan()
    return isTrigger ? 'call' : 'torture'
  }
}

/** The host, watched for the triggers that depend on what it is asked for. */
export function watchHost(host: Host, triggers: readonly Trigger[], decider: CaptureDecider): Host {
  const has = (kind: Trigger['kind']): boolean => triggers.some((trigger) => trigger.kind === kind)
  let isStdinAwaited = has('first-stdin')
  const isIdleWatched = has('idle')
  if (!isStdinAwaited && !isIdleWatched) return host
  // The call that a restored guest stands before has been seen waiting.
  let lastIdle = decider.calls === 0 ? 0 : decider.calls + 1

  const giveWayForStdin = (): boolean => {
    if (!isStdinAwaited || decider.isHeld) return false
    isStdinAwaited = false
    decider.giveWay('first-stdin')
    return true
  }
  const giveWayForIdle = ({ timeout }: WaitCondition): boolean => {
    const call = decider.calls
    if (!isIdleWatched || timeout === 0n || call === lastIdle || decider.isHeld || decider.isBehind) return false
    lastIdle = call
    decider.giveWay('idle')
    return true
  }
  const stdin: HostStream = {
    kind: host.stdin.kind,
    read: (target) => {
      if (giveWayForStdin()) throw new WaitInterrupted()
      return host.stdin.read(target)
    },
    readable: () => host.stdin.readable(),
    write: (source) => host.stdin.write(source),
  }
  const { clocks, random, stdout, stderr } = host
  return {
    clocks,
    random,
    stdin,
    stdout,
    stderr,
    wait: (condition) => {
      if (condition.stdin && giveWayForStdin()) return 'interrupted'
      return giveWayForIdle(condition) ? 'interrupted' : host.wait(condition)
    },
  }
}
