import { PassThrough } from 'node:stream'
import type { SessionEvent } from '../../runtime/session/events.ts'
import type { MountGrant } from '../../runtime/session/messages.ts'
import type { Outcome } from '../../runtime/session/outcome.ts'
import { Screen } from '../../runtime/session/screen.ts'
import type { Session as PortableSession } from '../../runtime/session/session.ts'
import type { Standby } from '../../runtime/session/standby.ts'
import type { SessionLock, Store } from '../../runtime/store/store.ts'
import type { FilesWay, GrantedMount } from '../../runtime/transfer/mount-fates.ts'
import { mountsToMove } from '../../runtime/transfer/mounts-to-move.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { answerCheckpoint } from '../control/answer-checkpoint.ts'
import { ControlServer } from '../control/server.ts'
import { checkRestore, grantsOf, prepareStandby, Session } from '../sessions.ts'
import { whereMoved } from '../transfer/where-moved.ts'

type HostMount = Extract<MountGrant, { host: string }>

/** Who looks at a session's terminal. */
export interface Viewer {
  output(bytes: Uint8Array): void
  over(code: number, reason: string): void
}

/** A session in this process. */
export class RunningSession {
  readonly name: string
  session: Session
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
    this.screen.append(bytes)
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
  readonly mounts: readonly HostMount[]
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
  /** Of sessions that were stopped to be moved: where they are then. */
  readonly #left = new Map<string, Promise<string | undefined>>()
  #isStopping = false

  constructor(store: Store, options: RunningOptions) {
    this.#store = store
    this.#options = options
  }

  /** The directories that whoever started the server grants. */
  get grants(): readonly GrantedMount[] {
    return this.#options.mounts
  }

  /** Before a session is taken to run here: throws STASIS_MOUNT_NOT_GRANTED and STASIS_FILE_*, as `start` would. */
  async check(view: Store, name: string, files: FilesWay): Promise<void> {
    await checkRestore(view, name, this.#options.mounts, files)
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
  async start(name: string, files: FilesWay = 'refuse'): Promise<RunningSession> {
    if ((await this.#left.get(name)) !== undefined) this.#running.delete(name)
    const found = this.#running.get(name)
    if (found !== undefined) return found
    const { options, begin } = await this.#place(name)
    return begin(await Session.restore(this.#store, name, { ...options, files }))
  }

  /** Makes a session that is still being received ready to go on here. Rejects with STASIS_STANDBY, and as `start`. */
  async standBy(name: string): Promise<{ readonly standby: Standby; goOn(lock: SessionLock): Promise<void> }> {
    const { options, begin } = await this.#place(name)
    const standby = await prepareStandby(this.#store, name, options)
    return { standby, goOn: async (lock) => void begin(await standby.goOn(lock)) }
  }

  /** Where a session's terminal is, before it runs and then. */
  async #place(name: string) {
    const { imports, log } = this.#options
    // Where it cannot be read, its restore tells why.
    const mounts = grantsOf(this.#options.mounts, await mountsToMove(this.#store, name, true).catch(() => []))
    const stdin = new PassThrough()
    const screen = new Screen()
    let running: RunningSession | undefined
    const show = (bytes: Uint8Array) => (running === undefined ? screen.append(bytes) : running.show(bytes))
    const onEvent = (event: SessionEvent) => logEvent(name, event, log)
    const streams = { stdin, stdout: show, stderr: show, terminal: true, imports }
    // Who attaches sees what is written from here on; what was shown before is on the terminal where it came from.
    const options = { mounts, ...streams, onEvent, shownLines: 0 }
    const begin = (session: PortableSession): RunningSession => {
      running ??= new RunningSession(name, session, stdin, screen)
      running.session = session
      this.#running.set(name, running)
      this.#ended.delete(name)
      log(`${name} runs.`)
      void this.#seeThrough(running, () => Session.restore(this.#store, name, { ...options, files: 'keep' }))
      return running
    }
    return { options, begin }
  }

  /** To the end of it; where it was stopped to be moved and did not move, `again` makes it go on. */
  async #seeThrough(running: RunningSession, again: () => Promise<PortableSession>): Promise<void> {
    const { name } = running
    const { log } = this.#options
    for (;;) {
      let isMoving = false
      const control = await this.#listen(running, () => {
        isMoving = true
      })
      const outcome = await running.session.done
      await control?.close()
      const isStopped = outcome.kind === 'suspended' || outcome.kind === 'stopped'
      if (!isMoving || !isStopped || this.#isStopping) return this.#over(running, outcome)
      const place = await this.#leaving(name)
      if (place !== undefined || this.#isStopping) return this.#over(running, outcome, place)
      try {
        running.session = await again()
        log(`${name} did not move, and goes on here.`)
      } catch (error) {
        log(`${name} did not move, and cannot go on here: ${messageOf(error)}`)
        return this.#over(running, outcome)
      }
    }
  }

  /** Where a session is that was stopped to be moved; whoever wants to run it meanwhile waits for that. */
  #leaving(name: string): Promise<string | undefined> {
    const left = whereMoved(this.#store, name)
    this.#left.set(name, left)
    const forget = () => void (this.#left.get(name) === left && this.#left.delete(name))
    left.then(forget, forget)
    return left
  }

  /** Stops all of them with a checkpoint, for at most so many milliseconds. */
  async stopAll(patience: number): Promise<void> {
    this.#isStopping = true
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

  async #listen(running: RunningSession, onMoving: () => void): Promise<ControlServer | undefined> {
    const { storeId, resume, log } = this.#options
    const { name, session } = running
    const started = Date.now()
    try {
      return await ControlServer.listen(storeId, name, {
        status: () => ({ name, pid: process.pid, module: name, started }),
        checkpoint: (params) => {
          if (params.stop && params.movesTo !== undefined) onMoving()
          return answerCheckpoint(session, params, resume(name))
        },
      })
    } catch (error) {
      log(`Other processes cannot reach ${name}: ${messageOf(error)}`)
      return undefined
    }
  }

  #over(running: RunningSession, outcome: Outcome, place?: string): void {
    const { name, screen, viewers } = running
    const [code, reason] = place === undefined ? describe(outcome) : ([256, `has moved to ${place}`] as const)
    if (this.#running.get(name) === running) this.#running.delete(name)
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
