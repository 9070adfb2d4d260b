import type { TortureCount } from '../../runtime/session/messages.ts'
import type { CheckpointInfo, Outcome } from '../../runtime/session/outcome.ts'
import { TrapError } from '../../runtime/session/packed-error.ts'
import type { Session } from '../../runtime/session/session.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { answerCheckpoint, isLogOnly } from '../control/answer-checkpoint.ts'
import { ControlServer } from '../control/server.ts'
import { formatSize, plural, printable } from './format.ts'
import { shellJoin } from './mounts.ts'
import { causes } from './report-error.ts'
import type { Terminal } from './terminal.ts'
import type { SuspendSignal } from './values.ts'

/** sysexits.h EX_TEMPFAIL: not finished, to be tried again later. */
export const exitSuspended = 75
export const exitTrapped = 134

/** Signals that end the guest, with the exit code a shell gives for them. */
const deadlySignals: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]

/** How long a checkpoint may be under way before we say why nothing happens. */
const patience = 2000

/** The same for a start: less, since nothing at all is on the screen yet. */
const startPatience = 700

/** What the command line needs of a running session: Session has it. */
export type Supervised = Pick<Session, 'name' | 'done' | 'checkpoint' | 'terminate'> &
  Partial<Pick<Session, 'engine' | 'stop' | 'stopByLog' | 'hurry'>>

type Taken = Pick<CheckpointInfo, 'version' | 'size'>

export interface SuperviseOptions {
  /** By which other processes find the session. */
  readonly storeId: string
  /** The module's file name. */
  readonly module: string
  readonly terminal: Terminal
  /** The signal that asks for a checkpoint, and whether the session stops then. */
  readonly signal: SuspendSignal
  readonly stopOnSignal: boolean
  /** Milliseconds between checkpoints. */
  readonly interval?: number
  /** The first checkpoint, whatever caused it, ends the session. */
  readonly stopAfterSnapshot: boolean
  /** The command that resumes the session of this name, as words. */
  readonly resume: (name: string) => readonly string[]
  /** Where a session that was stopped to be moved is then; undefined where it did not move. */
  readonly moved?: (name: string) => Promise<string | undefined>
  /** Goes on here with a session that was stopped to be moved and did not move. */
  readonly goOn?: (name: string) => Promise<Supervised>
  /** What a person is told while the start takes its time: 'Preparing app.wasm (26 MB)…'. */
  readonly preparing: string
}

/**
 * Starts a session and sees it through to its end on this thread: signals, control connections, interval. Gives the exit
 * code. Signals are taken care of before the start, so that none finds the process unprepared.
 */
export async function supervise(start: () => Promise<Supervised>, options: SuperviseOptions): Promise<number> {
  const undo: (() => void | Promise<void>)[] = []
  const on = (signal: NodeJS.Signals, listener: () => void) => {
    process.on(signal, listener)
    undo.push(() => void process.off(signal, listener))
  }
  let session: Supervised | undefined
  let wanted = false
  let ended: number | undefined
  try {
    const killed = new Promise<number>((resolve) => {
      for (const [signal, code] of deadlySignals)
        if (signal !== options.signal)
          on(signal, () => {
            breakLine(options.terminal)
            ended = code
            // Who types Ctrl-C is done with it; whoever sends another signal may want it to go on elsewhere.
            void (session?.terminate(code, signal === 'SIGINT' ? 'checkpoints' : 'all') ?? resolve(code))
          })
    })
    const suspend = (running: Supervised) => void unasked(running, 'signal', options.stopOnSignal)
    on(options.signal, () => {
      breakLine(options.terminal)
      if (session === undefined) wanted = true
      else suspend(session)
    })
    const unasked = announcer(options)
    const slow = setTimeout(
      () => options.terminal.interactive && tell(options.preparing, options.terminal),
      startPatience,
    )
    undo.push(() => clearTimeout(slow))
    return await Promise.race([
      killed,
      start().then(async (running) => {
        clearTimeout(slow)
        session = running
        if (wanted) suspend(running)
        if (options.interval !== undefined) {
          const timer = setInterval(() => session && void unasked(session, 'interval', false), options.interval)
          undo.push(() => clearInterval(timer))
        }
        const onAgain = (again: Supervised) => {
          session = again
        }
        return seeThrough(running, options, onAgain, () => ended)
      }),
    ])
  } finally {
    await Promise.all(undo.map((step) => step()))
  }
}

/** To the end of it; where it was stopped to be moved and did not move, it goes on as another session. */
async function seeThrough(
  first: Supervised,
  options: SuperviseOptions,
  onAgain: (again: Supervised) => void,
  killed: () => number | undefined,
): Promise<number> {
  for (let running = first; ; ) {
    let isMoving = false
    const close = await listen(running, options, () => {
      isMoving = true
    })
    const outcome = await running.done
    await close()
    if (!isMoving || !isStop(outcome)) return report(running.name, outcome, options)
    const place = await options.moved?.(running.name)
    if (place !== undefined) {
      tell(`${running.name} has moved to ${printable(place)}.`, options.terminal)
      return exitSuspended
    }
    const again = killed() === undefined ? await goOn(running.name, options) : undefined
    if (again === undefined) return report(running.name, outcome, options)
    if (typeof again === 'string') {
      tell(`${running.name} has moved to ${printable(again)}.`, options.terminal)
      return exitSuspended
    }
    tell(`${running.name} did not move, and goes on here.`, options.terminal)
    running = again
    onAgain(again)
  }
}

/** The session again, or where it has moved meanwhile; undefined where it stays stopped. */
async function goOn(name: string, options: SuperviseOptions): Promise<Supervised | string | undefined> {
  for (;;) {
    try {
      return await options.goOn?.(name)
    } catch (error) {
      // Who moves it tries again.
      if (isStasisError(error) && takenCodes.has(error.code)) {
        const place = await options.moved?.(name)
        if (place !== undefined) return place
        if (error.code === 'STASIS_SESSION_BUSY') continue
      }
      options.terminal.err(complaint(`${name} did not move, and cannot go on here.`, error, options.terminal))
      return undefined
    }
  }
}

const takenCodes: ReadonlySet<string> = new Set(['STASIS_SESSION_BUSY', 'STASIS_LEASE_MOVED'])

/** Lets other processes ask for checkpoints. Where that is impossible the session runs all the same. */
async function listen(
  session: Supervised,
  options: SuperviseOptions,
  onMoving: () => void,
): Promise<() => Promise<void>> {
  const started = Date.now()
  try {
    const control = await ControlServer.listen(options.storeId, session.name, {
      status: () => ({ name: session.name, pid: process.pid, module: options.module, started }),
      checkpoint: (params) => {
        const stop = params.stop || options.stopAfterSnapshot
        if (stop && params.movesTo !== undefined) onMoving()
        return answerCheckpoint(session, { ...params, stop }, options.resume(session.name))
      },
    })
    return () => control.close()
  } catch (error) {
    options.terminal.err(complaint('Other processes cannot reach this session.', error, options.terminal))
    return async () => {}
  }
}

/** Takes checkpoints nobody waits for, one at a time for each cause: what becomes of them is told on stderr. */
function announcer(options: SuperviseOptions) {
  const { terminal } = options
  const busy = new Set<string>()
  return async (session: Supervised, cause: string, stop: boolean): Promise<void> => {
    if (busy.has(cause)) return
    busy.add(cause)
    const explain = () => cause === 'signal' && terminal.err(stillWaiting(session, terminal))
    const slow = setTimeout(explain, patience)
    const stopping = stop || options.stopAfterSnapshot
    try {
      if (stopping && isLogOnly(session)) {
        await session.stop?.({ cause })
        return
      }
      const taken = await session.checkpoint({ cause, stop: stopping })
      if (!stopping && cause === 'signal') terminal.err(describeTaken(session.name, taken, terminal))
    } catch (error) {
      // The end of the session is told by its exit code.
      if (!isEnd(error)) terminal.err(complaint('No checkpoint was taken.', error, terminal))
    } finally {
      clearTimeout(slow)
      busy.delete(cause)
    }
  }
}

const isStop = ({ kind }: Outcome): boolean => kind === 'suspended' || kind === 'stopped'

const isEnd = (error: unknown): boolean => isStasisError(error) && error.code === 'STASIS_SESSION_ENDED'

function report(name: string, outcome: Outcome, options: SuperviseOptions): number {
  const { terminal } = options
  if ('torture' in outcome && outcome.torture !== undefined) terminal.err(describeTorture(outcome.torture, terminal))
  switch (outcome.kind) {
    case 'exited':
      return outcome.code
    case 'suspended':
      terminal.err(describeTaken(name, outcome.checkpoint, terminal))
      terminal.err(`        Resume with: ${terminal.style('bold', shellJoin(options.resume(name)), 'err')}`)
      return exitSuspended
    case 'stopped':
      terminal.err(`${prefix(terminal)} ${describeStopped(name, outcome)}`)
      terminal.err(`        Resume with: ${terminal.style('bold', shellJoin(options.resume(name)), 'err')}`)
      return exitSuspended
    case 'trapped':
      terminal.err(describeTrap(outcome.error, terminal))
      return exitTrapped
  }
}

/** The terminal shows ^Z or ^C at the cursor: what is said next begins on a line of its own. */
function breakLine(terminal: Terminal): void {
  if (terminal.interactive) terminal.err('')
}

export const tell = (text: string, terminal: Terminal): void => terminal.err(`${prefix(terminal)} ${text}`)

const prefix = (terminal: Terminal): string => terminal.style('cyan', 'stasis:', 'err')

function describeTaken(name: string, taken: Taken, terminal: Terminal): string {
  return `${prefix(terminal)} Checkpoint ${taken.version} of ${name} is saved (${formatSize(taken.size)}).`
}

/** In the words of `stasis checkpoint` too. */
export function describeStopped(name: string, { calls, unread = 0 }: { calls: number; unread?: number }): string {
  const lost = unread === 0 ? '' : ` ${plural(unread, 'byte')} of stdin that it had not read are lost.`
  return `${name} has stopped after ${plural(calls, 'call')}. Its log has all it did; resuming does it again.${lost}`
}

function stillWaiting(session: Supervised, terminal: Terminal): string {
  const remedy = isLogOnly(session)
    ? 'Log-only, it has no polls: a loop without calls cannot be stopped; Ctrl-C ends it.'
    : 'A session started with --polls=all can be stopped in any loop; Ctrl-C ends this one.'
  const place = isLogOnly(session) ? 'make a call' : 'make a call or reach a poll'
  return `${prefix(terminal)} Still waiting for the guest to ${place}. ${remedy}`
}

export function complaint(what: string, error: unknown, terminal: Terminal): string {
  const message = error instanceof Error ? error.message : String(error)
  return [`${terminal.style('red', 'stasis:', 'err')} ${what} ${message}`, ...causes(error)].join('\n')
}

/** As many of the guest's functions as tell where it was. */
const shownFrames = 12

export function describeTrap(error: Error, terminal: Terminal): string {
  const frames = error instanceof TrapError ? error.frames : []
  const lines = frames.slice(0, shownFrames).map((frame) => `        at ${printable(frame)}`)
  if (frames.length > shownFrames) lines.push(`        … ${plural(frames.length - shownFrames, 'frame')} more`)
  return [`${terminal.style('red', 'stasis:', 'err')} The guest trapped: ${error.message}`, ...lines].join('\n')
}

function describeTorture({ restores, refused, reason }: TortureCount, terminal: Terminal): string {
  const what = `${prefix(terminal)} Torture: went on in a fresh instance ${plural(restores, 'time')}`
  return refused === 0 ? `${what}.` : `${what}; refused ${plural(refused, 'time')}, first because: ${reason}`
}
