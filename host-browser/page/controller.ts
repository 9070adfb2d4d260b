import type { CheckpointInfo, Outcome, SessionEvent } from '../../runtime/session/session.ts'
import { listSessions, listVersions } from '../../runtime/store/checkpoints.ts'
import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import type { Progress } from '../../runtime/transfer/send-blobs.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { Session } from '../sessions.ts'
import { lastServer } from './handover/last-server.ts'
import { isLeaseMoved, type ServerPlace, sendToServer, serverOf, takeFromServer } from './handover/server.ts'
import type { Tabs } from './handover/tabs.ts'
import { messageOf, type Notice, noticeOf } from './notice.ts'
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

/** For how long another tab may take to stop its program with a checkpoint. */
const releasePatience = 20_000
/** Milliseconds for which a session that another page holds is waited for, and between two looks. */
const lockPatience = { afterReload: 3000, else: 200, step: 15 }

/** A session in this tab: starts, stops and hands over what runs, and says how it stands. */
export class SessionController {
  readonly name: string
  readonly store: Store
  readonly #terminal: TerminalView
  readonly #tabs: Tabs
  readonly #events: ControllerEvents
  readonly #stopListening: () => void
  #session: Session | undefined
  #input: ReadableStreamDefaultController<Uint8Array> | undefined
  #phase: Phase = { kind: 'opening', text: 'Opening' }
  /** Whom the session goes to when it has stopped. */
  #handedTo: string | undefined
  /** Where the rest of it is sent to, now that it has stopped. */
  #sendingTo: string | undefined
  /** Why programs run slower here; undefined where they do not. */
  slower: string | undefined

  constructor(store: Store, name: string, terminal: TerminalView, tabs: Tabs, events: ControllerEvents) {
    this.store = store
    this.name = name
    this.#terminal = terminal
    this.#tabs = tabs
    this.#events = events
    this.#stopListening = tabs.listen((message, from) => {
      if (message.kind === 'release' && message.session === this.name) void this.#release(from)
      if (message.kind === 'changed') void this.#look()
    })
  }

  get phase(): Phase {
    return this.#phase
  }

  get isRunning(): boolean {
    return this.#session !== undefined
  }

  #setPhase(phase: Phase): void {
    this.#phase = phase
    this.#terminal.readOnly = phase.kind !== 'running'
    this.#events.onPhase(phase)
  }

  async start(program: Program): Promise<void> {
    this.#setPhase({ kind: 'opening', text: `Preparing ${program.moduleName}` })
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
    this.#setPhase({ kind: 'opening', text: 'Resuming' })
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
      this.#handedTo = undefined
      setPaused(this.name, false)
      this.#setPhase({ kind: 'running' })
      this.#tabs.tell({ kind: 'changed' })
      void session.done.then((outcome) => this.#over(session, outcome))
    } catch (error) {
      this.#setPhase(await this.#phaseOf(error))
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
    this.#setPhase(this.#phaseAfter(outcome))
    this.#events.onHistory()
    this.#tabs.tell({ kind: 'changed' })
  }

  #phaseAfter(outcome: Outcome): Phase {
    switch (outcome.kind) {
      case 'exited':
        return { kind: 'ended', code: outcome.code }
      case 'trapped':
        return { kind: 'failed', error: outcome.error }
      default:
        if (this.#sendingTo !== undefined) return { kind: 'stopping', text: `Handing it over to ${this.#sendingTo}` }
        return this.#handedTo === undefined ? { kind: 'paused' } : { kind: 'handedOver', to: this.#handedTo }
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

  /** Stops with a checkpoint, to be resumed here or elsewhere. Rejects where that is refused, and it goes on. */
  async pause(cause = 'request'): Promise<void> {
    const session = this.#session
    if (session === undefined) return
    this.#setPhase({ kind: 'stopping', text: 'Stopping with a checkpoint' })
    try {
      await session.stop({ cause })
      if (this.#handedTo === undefined && this.#sendingTo === undefined) setPaused(this.name, true)
    } catch (error) {
      if (this.#session === session) this.#setPhase({ kind: 'running' })
      throw error
    }
  }

  /** Stops it, so that `to` can go on with it; it is told on both sides. */
  async handOver(to: string): Promise<void> {
    this.#handedTo = to
    try {
      await this.pause('hand-over')
    } catch (error) {
      this.#handedTo = undefined
      throw error
    }
    if (this.#phase.kind === 'paused') this.#setPhase({ kind: 'handedOver', to })
  }

  /** Copies it to a server while it runs, and hands it over. */
  async sendTo(place: ServerPlace, onProgress: (progress: Progress) => void): Promise<void> {
    const session = this.#session
    const live = session && {
      checkpoint: async () => void (await session.checkpoint({ cause: 'keyframe' })),
      stop: async () => {
        this.#sendingTo = place.url
        await this.pause('hand-over')
      },
    }
    try {
      const reason = await sendToServer(this.store, this.name, { place, onProgress, ...(live && { live }) })
      this.#setPhase({ kind: 'handedOver', to: place.url })
      if (reason !== '') {
        this.#events.onNotice({
          look: 'warn',
          topic: 'handover',
          title: 'It is there and does not run yet.',
          text: reason,
        })
      }
    } catch (error) {
      this.#sendingTo = undefined
      // It was stopped for the last round, and did not go: it goes on here.
      const isOurs = mayRun(await loadLease(this.store, this.name).catch(() => undefined))
      if (this.#session === undefined && session !== undefined && isOurs) await this.resume()
      throw error
    } finally {
      this.#sendingTo = undefined
      this.#events.onHistory()
      this.#tabs.tell({ kind: 'changed' })
    }
  }

  /** What was handed over comes back: from the tab that runs it, or from the server that has it. */
  async bringBack(): Promise<void> {
    const lease = await loadLease(this.store, this.name)
    if (mayRun(lease)) {
      const isElsewhere = (await this.store.owners()).has(this.name)
      return isElsewhere ? this.takeOver() : this.resume()
    }
    const to = this.#phase
    this.#setPhase({ kind: 'opening', text: `Fetching it from ${lease!.peer}` })
    try {
      const url = serverOf(lease!.peer)
      const { token } = lastServer()
      await takeFromServer(this.store, this.name, { url, token }, () => undefined)
    } catch (error) {
      this.#setPhase(to)
      throw error
    }
    await this.resume()
  }

  /** Another tab wants it. */
  async #release(from: string): Promise<void> {
    if (this.#session === undefined) return
    try {
      await this.handOver('another tab')
      this.#tabs.tell({ kind: 'released', session: this.name }, from)
    } catch (error) {
      this.#tabs.tell({ kind: 'kept', session: this.name, reason: messageOf(error) }, from)
    }
  }

  /** Asks the tab that runs it to stop, and goes on here. */
  async takeOver(): Promise<void> {
    this.#setPhase({ kind: 'opening', text: 'Asking the other tab to stop' })
    const answer = await this.#tabs.askToRelease(this.name, releasePatience)
    if (typeof answer === 'object') {
      this.#setPhase({ kind: 'elsewhere' })
      const text = `It runs on there. ${answer.kept}`
      this.#events.onNotice({ look: 'bad', topic: 'handover', title: 'The other tab could not stop it.', text })
      return
    }
    await this.resume()
    if (answer === 'silent' && this.#phase.kind === 'elsewhere') {
      const text =
        'It may be asleep in the background. Look at that tab, or close it: the session then goes on here from its last call.'
      this.#events.onNotice({ look: 'warn', topic: 'handover', title: 'The other tab does not answer.', text })
    }
  }

  /** A session of its own that begins at a version, or where this one is now. Resolves to its name. */
  async fork(version?: number): Promise<string> {
    const at = version ?? (await this.checkpoint())?.version
    const taken = new Set((await listSessions(this.store)).map(({ name }) => name))
    const name = freeName(this.name, taken)
    await Session.fork(this.store, at === undefined ? this.name : `${this.name}@${at}`, name)
    this.#tabs.tell({ kind: 'changed' })
    return name
  }

  /** Ends the program. Its checkpoints stay. */
  async end(): Promise<void> {
    await this.#session?.terminate(130, 'checkpoints')
  }

  /** Somebody has changed something: a session that ran elsewhere may be free now. */
  async #look(): Promise<void> {
    this.#events.onHistory()
    if (this.#phase.kind !== 'elsewhere' && this.#phase.kind !== 'paused') return
    const isElsewhere = (await this.store.owners()).has(this.name)
    if (this.#session === undefined && isElsewhere !== (this.#phase.kind === 'elsewhere')) {
      this.#setPhase({ kind: isElsewhere ? 'elsewhere' : 'paused' })
    }
  }

  /** Shows it without running it. */
  async open(): Promise<void> {
    if (!isPaused(this.name)) return this.resume()
    const isElsewhere = (await this.store.owners()).has(this.name)
    this.#setPhase({ kind: isElsewhere ? 'elsewhere' : 'paused' })
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

const isBusy = (error: unknown): boolean => isStasisError(error) && error.code === 'STASIS_SESSION_BUSY'
