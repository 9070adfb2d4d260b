import type { CheckpointResult } from '../control/protocol.ts'
import { ControlServer } from '../control/server.ts'
import { formatSize } from './format.ts'
import { shellJoin } from './mounts.ts'
import { causes } from './report-error.ts'
import type { Terminal } from './terminal.ts'
import type { SuspendSignal } from './values.ts'

/** sysexits.h EX_TEMPFAIL: not finished, to be tried again later. */
export const exitSuspended = 75
export const exitTrapped = 134

/** Signals that end the guest, with the exit code a shell gives for them. */
const deadlySignals: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

/** How long a checkpoint may be under way before we say why nothing happens. */
const patience = 2000

export interface TakenCheckpoint {
  readonly version: number
  /** Bytes added to the store. */
  readonly size: number
}

export type Outcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'suspended'; readonly checkpoint: TakenCheckpoint }
  | { readonly kind: 'trapped'; readonly error: unknown }

export interface CheckpointRequest {
  readonly cause: string
  readonly stop: boolean
  readonly label?: string
}

/** What the command line needs of a running session. */
export interface Supervised {
  readonly name: string
  readonly done: Promise<Outcome>
  checkpoint(request: CheckpointRequest): Promise<TakenCheckpoint>
  /** Ends the guest at once, wherever it is. */
  terminate(): Promise<void>
}

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
  /** The command that resumes, as words. */
  readonly resume: readonly string[]
}

/** Sees a session through to its end on this thread: signals, control connections, interval. Gives the exit code. */
export async function supervise(session: Supervised, options: SuperviseOptions): Promise<number> {
  const { terminal } = options
  const take = async (request: CheckpointRequest) => {
    const stop = request.stop || options.stopAfterSnapshot
    return { ...(await session.checkpoint({ ...request, stop })), stop }
  }
  const undo: (() => void | Promise<void>)[] = []
  try {
    const started = Date.now()
    const control = await ControlServer.listen(options.storeId, session.name, {
      status: () => ({ name: session.name, pid: process.pid, module: options.module, started }),
      checkpoint: async ({ stop, label }): Promise<CheckpointResult> => {
        const taken = await take({ cause: 'request', stop, ...(label !== undefined && { label }) })
        const { version, size } = taken
        return { name: session.name, version, size, stopped: taken.stop, resume: options.resume }
      },
    })
    undo.push(() => control.close())

    const ended = new Promise<number>((resolve) => {
      for (const [name, code] of Object.entries(deadlySignals)) {
        if (name === options.signal) continue
        const onSignal = () => void session.terminate().then(() => resolve(code))
        process.once(name, onSignal)
        undo.push(() => void process.off(name, onSignal))
      }
    })

    /** A checkpoint nobody waits for: what becomes of it is told on stderr. One at a time. */
    let busy = false
    const unasked = async (cause: string, stop: boolean) => {
      if (busy) return
      busy = true
      const slow = setTimeout(() => terminal.err(stillWaiting(terminal)), patience)
      try {
        const taken = await take({ cause, stop })
        if (!taken.stop && cause === 'signal') terminal.err(describeTaken(session.name, taken, terminal))
      } catch (error) {
        terminal.err(describeFailure(error, terminal))
      } finally {
        clearTimeout(slow)
        busy = false
      }
    }
    const onSuspend = () => void unasked('signal', options.stopOnSignal)
    process.on(options.signal, onSuspend)
    undo.push(() => void process.off(options.signal, onSuspend))
    if (options.interval !== undefined) {
      const timer = setInterval(() => void unasked('interval', false), options.interval)
      undo.push(() => clearInterval(timer))
    }

    return await Promise.race([ended, session.done.then((outcome) => report(session.name, outcome, options))])
  } finally {
    await Promise.all(undo.map((step) => step()))
  }
}

function report(name: string, outcome: Outcome, options: SuperviseOptions): number {
  const { terminal } = options
  switch (outcome.kind) {
    case 'exited':
      return outcome.code
    case 'suspended':
      terminal.err(describeTaken(name, outcome.checkpoint, terminal))
      terminal.err(`        Resume with: ${terminal.style('bold', shellJoin(options.resume), 'err')}`)
      return exitSuspended
    case 'trapped':
      terminal.err(describeTrap(outcome.error, terminal))
      return exitTrapped
  }
}

const prefix = (terminal: Terminal): string => terminal.style('cyan', 'stasis:', 'err')

function describeTaken(name: string, taken: TakenCheckpoint, terminal: Terminal): string {
  return `${prefix(terminal)} Checkpoint ${taken.version} of ${name} is saved (${formatSize(taken.size)}).`
}

const stillWaiting = (terminal: Terminal): string =>
  `${prefix(terminal)} Still waiting for the guest to make a call or reach a poll. A session started with ` +
  '--polls=all can be stopped in any loop; Ctrl-C ends this one.'

function describeFailure(error: unknown, terminal: Terminal): string {
  const message = error instanceof Error ? error.message : String(error)
  return [`${terminal.style('red', 'stasis:', 'err')} No checkpoint was taken. ${message}`, ...causes(error)].join('\n')
}

function describeTrap(error: unknown, terminal: Terminal): string {
  const message = error instanceof Error ? error.message : String(error)
  return `${terminal.style('red', 'stasis:', 'err')} The guest trapped: ${message}.`
}
