import { PassThrough } from 'node:stream'
import type { SessionEvent } from '../../runtime/session/events.ts'
import type { MountGrant } from '../../runtime/session/messages.ts'
import type { Outcome } from '../../runtime/session/outcome.ts'
import type { Session as PortableSession } from '../../runtime/session/session.ts'
import type { Standby } from '../../runtime/session/standby.ts'
import type { SessionLock, Store } from '../../runtime/store/store.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { controlCheckpoint } from '../cli/supervise.ts'
import { ControlServer } from '../control/server.ts'
import { prepareStandby, Session } from '../sessions.ts'
import { Screen } from './screen.ts'

/** Who looks at a session's terminal. */
export interface Viewer {
  output(bytes: Uint8Array): void
  over(code: number, reason: string): void
}

/** A session in this process. */
export class RunningSession {
  readonly name: string
  readonly session: Session
  readonly screen: Screen
  readonly viewers = new Set<Viewer>()
  /** The one who types. */
  writer: Viewer | undefined
  readonly #stdin: PassThrough

  constructor(name: string, session: Session, stdin: PassThrough, screen: Screen) {
    this.name = name
    this.session = session
    this.screen = screen
    this.#stdin = stdin
  }

  show(bytes: Uint8Array, except?: Viewer): void {
    this.screen.add(bytes)
    for (const viewer of this.viewers) if (viewer !== except) viewer.output(bytes)
  }

  /** Resolves when more may be typed. What one viewer types the others see. */
  async type(bytes: Uint8Array, by: Viewer): Promise<void> {
    if (this.writer !== by) return
    this.show(bytes, by)
    if (this.#stdin.write(bytes)) return
    await new Promise<void>((resolve) => {
      this.#stdin.once('drain', resolve)
      void this.session.done.then(() => resolve())
    })
  }

  endInput(by: Viewer): void {
    if (this.writer === by) this.#stdin.end()
  }
}

export interface RunningOptions {
  /** By which other processes find the sessions. */
  readonly storeId: string
  readonly mounts: readonly MountGrant[]
  readonly imports: Readonly<Record<string, string>>
  readonly resume: (name: string) => readonly string[]
  readonly log: (text: string) => void
}

/** How many ended sessions are remembered, for those who ask how it went. */
const remembered = 64

interface Ended {
  readonly screen: Screen
  readonly code: number
  readonly reason: string
}

/** The sessions that run in this process; what they may use was granted by who started it, never by who asks. */
export class RunningSessions {
  readonly #store: Store
  readonly #options: RunningOptions
  readonly #running = new Map<string, RunningSession>()
  readonly #ended = new Map<string, Ended>()

  constructor(store: Store, options: RunningOptions) {
    this.#store = store
    this.#options = options
  }

  /** The directories that whoever started the server grants. */
  get mounts(): readonly MountGrant[] {
    return this.#options.mounts
  }

  get(name: string): RunningSession | undefined {
    return this.#running.get(name)
  }

  ended(name: string): Ended | undefined {
    return this.#ended.get(name)
  }

  names(): readonly string[] {
    return [...this.#running.keys()]
  }

  /** Goes on with a session of the store; does nothing where it runs already. Rejects as `Session.restore`. */
  async start(name: string): Promise<RunningSession> {
    const found = this.#running.get(name)
    if (found !== undefined) return found
    const { options, begin } = this.#place(name)
    return begin(await Session.restore(this.#store, name, options))
  }

  /** Makes a session that is still being received ready to go on here. Rejects with STASIS_STANDBY, and as `start`. */
  async standBy(name: string): Promise<{ readonly standby: Standby; goOn(lock: SessionLock): Promise<void> }> {
    const { options, begin } = this.#place(name)
    const standby = await prepareStandby(this.#store, name, options)
    return { standby, goOn: async (lock) => void begin(await standby.goOn(lock)) }
  }

  /** Where a session's terminal is, before it runs and then. */
  #place(name: string) {
    const { mounts, imports, log } = this.#options
    const stdin = new PassThrough()
    const screen = new Screen()
    let running: RunningSession | undefined
    const show = (bytes: Uint8Array) => (running === undefined ? screen.add(bytes) : running.show(bytes))
    const onEvent = (event: SessionEvent) => logEvent(name, event, log)
    const streams = { stdin, stdout: show, stderr: show, terminal: true, imports }
    const begin = (session: PortableSession): RunningSession => {
      const begun = new RunningSession(name, session, stdin, screen)
      running = begun
      this.#running.set(name, begun)
      this.#ended.delete(name)
      log(`${name} runs.`)
      const control = this.#listen(begun)
      void session.done.then(async (outcome) => {
        await (await control)?.close()
        this.#over(begun, outcome)
      })
      return begun
    }
    return { options: { mounts, ...streams, onEvent }, begin }
  }

  /** Stops all of them with a checkpoint, for at most so many milliseconds. */
  async stopAll(patience: number): Promise<void> {
    const stops = [...this.#running.values()].map(({ name, session }) =>
      session
        .stop({ cause: 'signal' })
        .catch((error) => this.#options.log(`${name} was not stopped: ${messageOf(error)}`)),
    )
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, patience)
    })
    await Promise.race([Promise.all(stops), late])
    clearTimeout(timer)
    // A guest that reaches no call: what it did since its newest checkpoint is done again.
    await Promise.all([...this.#running.values()].map(({ session }) => session.terminate(143)))
  }

  async #listen(running: RunningSession): Promise<ControlServer | undefined> {
    const { storeId, resume, log } = this.#options
    const { name, session } = running
    const started = Date.now()
    try {
      return await ControlServer.listen(storeId, name, {
        status: () => ({ name, pid: process.pid, module: name, started }),
        checkpoint: (params) => controlCheckpoint(session, params, resume(name)),
      })
    } catch (error) {
      log(`Other processes cannot reach ${name}: ${messageOf(error)}`)
      return undefined
    }
  }

  #over(running: RunningSession, outcome: Outcome): void {
    const { name, screen, viewers } = running
    const [code, reason] = describe(outcome)
    this.#running.delete(name)
    this.#ended.set(name, { screen, code, reason })
    for (const old of [...this.#ended.keys()].slice(0, -remembered)) this.#ended.delete(old)
    this.#options.log(`${name} ${reason}.`)
    for (const viewer of viewers) viewer.over(code, reason)
  }
}

function describe(outcome: Outcome): [code: number, reason: string] {
  switch (outcome.kind) {
    case 'exited':
      return [outcome.code & 255, `has ended with code ${outcome.code}`]
    case 'suspended':
      return [256, `was stopped with checkpoint ${outcome.checkpoint.version}`]
    case 'stopped':
      return [256, `was stopped after ${outcome.calls} calls`]
    case 'trapped':
      return [134, `has trapped: ${outcome.error.message}`.slice(0, 4000)]
  }
}

function logEvent(name: string, event: SessionEvent, log: (text: string) => void): void {
  if (event.kind === 'refused') log(`${name}: no checkpoint was taken (${event.cause}): ${event.error.message}`)
  if (event.kind === 'fellBack') log(`${name}: ${event.error.message} It goes on from ${event.to}.`)
  if (event.kind === 'logFull') log(`${name}: ${event.waiting ? 'waits for room' : 'goes on'}: ${event.reason}`)
}

export const messageOf = (error: unknown): string =>
  isStasisError(error) ? `${error.message} [${error.code}]` : error instanceof Error ? error.message : String(error)
