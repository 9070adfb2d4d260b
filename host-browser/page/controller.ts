import type { SessionEvent } from '../../runtime/session/events.ts'
import type { CheckpointInfo, Outcome } from '../../runtime/session/outcome.ts'
import { listSessions, listVersions } from '../../runtime/store/checkpoints.ts'
import { loadLease } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { isTaken } from '../fences.ts'
import { Session } from '../sessions.ts'
import { release } from './handover/moves.ts'
import { isLeaseMoved } from './handover/server.ts'
import type { Tabs } from './handover/tabs.ts'
import { type Notice, noticeOf } from './notice.ts'
import type { Phase } from './phase.ts'
import { freeName, type Program } from './program.ts'
import { isPaused, setPaused, writeSettings } from './settings.ts'
import type { TerminalView } from './terminal/terminal-view.ts'

export interface ControllerEvents {
  readonly onPhase: (phase: Phase) => void
  readonly onNotice: (notice: Notice) => void
  /** Checkpoints or the log have changed. */
  readonly onHistory: () => void
}

/** Milliseconds for which a session that another page holds is waited for, and between two looks. */
const lockPatience = { afterReload: 3000, else: 200, step: 15 }

/** A session in this tab: starts, stops and hands over what runs, and says how it stands. */
export class SessionController {
  readonly name: string
  readonly store: Store
  readonly #terminal: TerminalView
  readonly tabs: Tabs
  readonly #events: ControllerEvents
  readonly #stopListening: () => void
  #session: Session | undefined
  #input: ReadableStreamDefaultController<Uint8Array> | undefined
  #phase: Phase = { kind: 'opening', text: 'Opening' }
  /** It was taken over by another tab. */
  #isLost = false
  /** How it stands when it has been stopped. */
  #afterStop: Phase = { kind: 'paused' }
  /** Why programs run slower here; undefined where they do not. */
  slower: string | undefined

  constructor(store: Store, name: string, terminal: TerminalView, tabs: Tabs, events: ControllerEvents) {
    this.store = store
    this.name = name
    this.#terminal = terminal
    this.tabs = tabs
    this.#events = events
    this.#stopListening = tabs.listen((message, from) => {
      if (message.kind === 'release' && message.session === this.name) void release(this, from)
      if (message.kind === 'taken' && message.session === this.name) void this.#lose()
      if (message.kind === 'changed') void this.#look()
    })
  }

  get phase(): Phase {
    return this.#phase
  }

  get isRunning(): boolean {
    return this.#session !== undefined
  }

  /** What runs here. */
  get session(): Session | undefined {
    return this.#session
  }

  notify(notice: Notice): void {
    this.#events.onNotice(notice)
  }

  /** Tells this tab and the others to look again. */
  changed(): void {
    this.#events.onHistory()
    this.tabs.tell({ kind: 'changed' })
  }

  show(phase: Phase): void {
    this.#phase = phase
    this.#terminal.readOnly = phase.kind !== 'running'
    this.#events.onPhase(phase)
  }

  async start(program: Program): Promise<void> {
    this.show({ kind: 'opening', text: `Preparing ${program.moduleName}` })
    const { columns, rows } = this.#terminal.size
    const size = { COLUMNS: String(columns), LINES: String(rows) }
    writeSettings(this.name, { input: program.keys ? 'keys' : 'lines' })
    await this.#open(() =>
      Session.start({
        module: program.module,
        moduleName: program.moduleName,
        args: program.args,
        env: { TERM: 'xterm-256color', HOME: '/', ...size, ...program.env },
        mounts: [{ guest: '/', memory: true, files: program.files }],
        name: this.name,
        keepLog: program.keepLog,
        ...this.#common(),
        store: this.store,
      }),
    )
  }

  /** Goes on where it was, or from an older version. */
  async resume(version?: number): Promise<void> {
    await this.#session?.stop({ cause: 'leave' })
    this.show({ kind: 'opening', text: 'Resuming' })
    this.#terminal.reset()
    const address = version === undefined ? this.name : `${this.name}@${version}`
    await this.#open(() => this.#restoreWhenFree(address))
  }

  /** A page that is being reloaded lets go a moment later. To look who holds a session costs less than to try. */
  async #restoreWhenFree(address: string): Promise<Session> {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
    const deadline = performance.now() + (navigation?.type === 'reload' ? lockPatience.afterReload : lockPatience.else)
    while (performance.now() < deadline && (await this.store.owners()).has(this.name)) {
      await new Promise((resolve) => setTimeout(resolve, lockPatience.step))
    }
    return Session.restore(this.store, address, this.#common())
  }

  #common() {
    const show = (bytes: Uint8Array) => this.#terminal.write(bytes)
    return {
      terminal: true,
      keep: true,
      stdin: new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#input = controller
        },
      }),
      stdout: show,
      stderr: show,
      onEvent: (event: SessionEvent) => this.#told(event),
    }
  }

  async #open(begin: () => Promise<Session>): Promise<void> {
    try {
      const session = await begin()
      this.#session = session
      setPaused(this.name, false)
      this.show({ kind: 'running' })
      this.tabs.tell({ kind: 'changed' })
      // No lock has told the others.
      if (!isSecureContext) this.tabs.tell({ kind: 'taken', session: this.name })
      void session.done.then((outcome) => this.#over(session, outcome))
    } catch (error) {
      this.show(await this.#phaseOf(error))
    }
    this.#events.onHistory()
  }

  async #phaseOf(error: unknown): Promise<Phase> {
    if (isBusy(error)) return { kind: 'elsewhere' }
    if (!isLeaseMoved(error)) return { kind: 'failed', error }
    const { peer = '' } = (await loadLease(this.store, this.name)) ?? {}
    return { kind: 'handedOver', to: peer.replace(/\/[^/]*$/, '') || 'another store' }
  }

  #told(event: SessionEvent): void {
    if (event.kind === 'slower') this.slower = event.reason
    if (event.kind === 'checkpoint') this.#events.onHistory()
    const notice = noticeOf(event)
    if (notice !== undefined) this.#events.onNotice(notice)
  }

  #over(session: Session, outcome: Outcome): void {
    if (this.#session !== session) return
    this.#session = undefined
    this.#input = undefined
    const wasTaken = this.#isLost || (outcome.kind === 'trapped' && isTaken(outcome.error))
    this.#isLost = false
    this.show(wasTaken ? { kind: 'elsewhere' } : this.#phaseAfter(outcome))
    if (wasTaken) this.#events.onNotice(takenNotice)
    this.#events.onHistory()
    this.tabs.tell({ kind: 'changed' })
  }

  #phaseAfter(outcome: Outcome): Phase {
    switch (outcome.kind) {
      case 'exited':
        return { kind: 'ended', code: outcome.code }
      case 'trapped':
        return { kind: 'failed', error: outcome.error }
      default:
        return this.#afterStop
    }
  }

  give(bytes: Uint8Array): void {
    this.#input?.enqueue(bytes)
  }

  /** No more input comes. */
  endInput(): void {
    try {
      this.#input?.close()
    } catch {
      // It has ended already.
    }
  }

  async checkpoint(cause?: string): Promise<CheckpointInfo | undefined> {
    return this.#session?.checkpoint(cause === undefined ? {} : { cause })
  }

  /**
   * Stops with a checkpoint, to be resumed here or elsewhere; `after` is how it stands then. Rejects where that is refused,
   * and it goes on.
   */
  async pause(cause = 'request', after: Phase = { kind: 'paused' }): Promise<void> {
    const session = this.#session
    if (session === undefined) {
      if (this.#phase.kind === 'paused') this.show(after)
      return
    }
    this.#afterStop = after
    this.show({ kind: 'stopping', text: 'Stopping with a checkpoint' })
    try {
      await session.stop({ cause })
      setPaused(this.name, after.kind === 'paused')
    } catch (error) {
      if (this.#session === session) this.show({ kind: 'running' })
      throw error
    } finally {
      this.#afterStop = { kind: 'paused' }
    }
  }

  /** A session of its own that begins at a version, or where this one is now. Resolves to its name. */
  async fork(version?: number): Promise<string> {
    const at = version ?? (await this.checkpoint())?.version
    const taken = new Set((await listSessions(this.store)).map(({ name }) => name))
    const name = freeName(this.name, taken)
    await Session.fork(this.store, at === undefined ? this.name : `${this.name}@${at}`, name)
    this.tabs.tell({ kind: 'changed' })
    return name
  }

  /** Ends the program. Its checkpoints stay. */
  async end(): Promise<void> {
    await this.#session?.terminate(130, 'checkpoints')
  }

  /** Another tab has taken it, since this one did not answer. The store refuses what it would still do. */
  async #lose(): Promise<void> {
    if (this.#session === undefined) return
    this.#isLost = true
    await this.#session.terminate()
  }

  /** Somebody has changed something: a session that ran elsewhere may be free now. */
  async #look(): Promise<void> {
    this.#events.onHistory()
    if (this.#phase.kind !== 'elsewhere' && this.#phase.kind !== 'paused') return
    const isElsewhere = (await this.store.owners()).has(this.name)
    if (this.#session === undefined && isElsewhere !== (this.#phase.kind === 'elsewhere')) {
      this.show({ kind: isElsewhere ? 'elsewhere' : 'paused' })
    }
  }

  /** Shows it without running it. */
  async open(): Promise<void> {
    if (!isPaused(this.name)) return this.resume()
    const isElsewhere = (await this.store.owners()).has(this.name)
    this.show({ kind: isElsewhere ? 'elsewhere' : 'paused' })
    this.#events.onHistory()
  }

  async versions(): ReturnType<typeof listVersions> {
    return listVersions(this.store, this.name)
  }

  /** The page goes: what can still be done is done, and else the call log has it. */
  leave(): void {
    // Like those that are taken by themselves it goes when there are newer ones.
    void this.#session?.checkpoint({ cause: 'keyframe' }).catch(() => undefined)
  }

  dispose(): void {
    this.#stopListening()
    void this.#session?.stop({ cause: 'leave' }).catch(() => undefined)
  }
}

const takenNotice: Notice = {
  ...{ look: 'warn', topic: 'handover', title: 'Taken over by another tab.' },
  text: 'The session goes on there from the last call that this tab had kept.',
}

const isBusy = (error: unknown): boolean => isStasisError(error) && error.code === 'STASIS_SESSION_BUSY'
