import { formatSize } from '../../runtime/inspect/format.ts'
import { readScreen } from '../../runtime/store/checkpoint-screen.ts'
import type { Store } from '../../runtime/store/store.ts'
import { SessionController } from './controller.ts'
import { button, h } from './dom.ts'
import { bringBack, sendTo, takeOver } from './handover/moves.ts'
import { saveSession } from './handover/save-session.ts'
import { openSendDialog } from './handover/send-dialog.ts'
import type { Tabs } from './handover/tabs.ts'
import { Inspection } from './inspect/client.ts'
import { InspectorView } from './inspector/inspector-view.ts'
import { messageOf, type Notice } from './notice.ts'
import { Notices } from './notices.ts'
import type { Phase } from './phase.ts'
import type { Program } from './program.ts'
import { SessionBar } from './session-bar.ts'
import { readSettings, writeSettings } from './settings.ts'
import { TerminalView } from './terminal/terminal-view.ts'
import { Preview } from './timeline/preview.ts'
import { TimelineView } from './timeline/timeline-view.ts'
import { Veil } from './veil.ts'

export interface SessionViewOptions {
  readonly store: Store
  readonly name: string
  readonly tabs: Tabs
  /** Timeline and inspector as well. */
  readonly isFull: boolean
  /** The address at which another tab shows a session. */
  readonly addressOf: (name: string, takesOver: boolean) => string
  readonly onPhase: (phase: Phase) => void
}

/** The Web Locks API is for secure contexts. */
const withoutLocks: Notice = {
  ...{ look: 'warn', topic: 'locks', title: 'This page is not in a secure context.' },
  text: 'The browser does not say here which tab runs a session: the one that opens it last goes on with it, and the other stops. By https, or from localhost, it asks first.',
}

/** Milliseconds in which Ctrl-C is pressed again by who means it. */
const insisting = 4000
/** Milliseconds between two looks at the calls of a program that runs. */
const callsEvery = 3000

/** One session with all that is shown of it. */
export class SessionView {
  readonly element: HTMLElement
  readonly controller: SessionController
  readonly terminal: TerminalView
  readonly #options: SessionViewOptions
  readonly #root: ShadowRoot
  readonly #notices = new Notices()
  readonly #bar: SessionBar
  readonly #veil: Veil
  readonly #screen: HTMLElement
  readonly #inspection: Inspection
  readonly #timeline: TimelineView | undefined
  readonly #inspector: InspectorView | undefined
  readonly #preview: Preview
  readonly #timer: ReturnType<typeof setInterval>
  #versions: readonly number[] = []
  #chosen: readonly number[] = []
  #interruptedAt = Number.NEGATIVE_INFINITY

  constructor(root: ShadowRoot, options: SessionViewOptions) {
    this.#root = root
    this.#options = options
    const { store, name, tabs, isFull } = options
    const actions = {
      checkpoint: () => this.#attempt('No checkpoint was taken.', () => this.controller.checkpoint()),
      pause: () => this.#attempt('It could not be stopped.', () => this.controller.pause()),
      resume: () => void this.#resume(),
      fork: () => void this.#fork(),
      send: () => void this.#send(),
      end: () => void this.controller.end(),
    }
    this.#bar = new SessionBar(name, actions)
    this.#veil = new Veil(actions, isFull)
    const terminalElement = h('div', { class: 'terminal-place' })
    this.#screen = h('section', { class: 'screen', 'aria-label': 'Terminal' }, terminalElement, this.#veil.element)
    this.#inspection = new Inspection(store.url, name)
    this.#preview = new Preview(() => this.terminal.size)
    if (isFull) {
      this.#inspector = new InspectorView(this.#inspection)
      this.#timeline = new TimelineView(store, name, this.#inspection, this.#preview, {
        onSelect: (chosen) => {
          this.#chosen = chosen
          this.#inspector?.show(chosen, this.#versions)
        },
        onResume: (version) => this.#attempt('It could not be resumed.', () => this.controller.resume(version)),
        onFork: (version) => void this.#fork(version),
      })
    }
    const { element: bar } = this.#bar
    const parts = [bar, this.#notices.element, this.#screen, this.#timeline?.element, this.#inspector?.element]
    this.element = h('div', { class: isFull ? 'session' : 'session plain' }, parts, this.#preview.element)
    root.append(this.element)
    this.terminal = new TerminalView(terminalElement, {
      give: (bytes) => this.controller.give(bytes),
      end: () => this.controller.endInput(),
      interrupt: (hadLine) => this.#interrupt(hadLine),
      suspend: actions.pause,
    })
    this.terminal.discipline.mode = readSettings(name).input
    this.#addToggles()
    this.controller = new SessionController(store, name, this.terminal, tabs, {
      onPhase: (phase) => this.#show(phase),
      onNotice: (notice) => this.#notices.show(notice),
      onHistory: () => void this.#look(),
    })
    this.terminal.fit()
    if (!isSecureContext) this.#notices.show(withoutLocks)
    this.#timer = setInterval(() => {
      if (this.controller.isRunning && document.visibilityState === 'visible') void this.#timeline?.updateCalls()
    }, callsEvery)
  }

  async start(program: Program): Promise<void> {
    await this.controller.start(program)
    this.terminal.discipline.mode = readSettings(this.#options.name).input
    this.terminal.focus()
  }

  /** Resumes it, or shows it paused where this tab had paused it. */
  async open(takesOver: boolean): Promise<void> {
    await this.#showStored()
    if (takesOver && (await this.#options.store.owners()).has(this.#options.name)) await takeOver(this.controller)
    else await this.controller.open()
    this.terminal.focus()
  }

  /** What its newest checkpoint had on the screen. */
  async #showStored(): Promise<void> {
    const newest = (await this.controller.versions()).findLast(({ content }) => content.kind === 'intact')
    const screen =
      newest && (await readScreen(this.#options.store, this.#options.name, newest.version).catch(() => undefined))
    if (screen !== undefined) await this.terminal.write(screen)
  }

  #show(phase: Phase): void {
    const isKept = this.#versions.length > 0
    this.#bar.show(phase, this.controller.slower, isKept || phase.kind === 'paused')
    this.#veil.show(phase, isKept)
    this.#screen.classList.toggle('still', phase.kind !== 'running')
    if (this.#timeline) this.#timeline.isRunning = phase.kind === 'running'
    if (phase.kind === 'running') {
      this.#notices.clear('interrupt')
      this.terminal.focus()
    }
    // What runs elsewhere is shown as it was when it was last here.
    const isAway = phase.kind === 'elsewhere' || phase.kind === 'handedOver'
    if (isAway && this.terminal.text() === '') void this.#showStored()
    this.#options.onPhase(phase)
  }

  async #look(): Promise<void> {
    const versions = await this.controller.versions().catch(() => [])
    this.#versions = versions.filter(({ content }) => content.kind === 'intact').map(({ version }) => version)
    this.#timeline?.update(versions)
    this.#inspector?.show(this.#chosen, this.#versions)
    this.#bar.show(this.controller.phase, this.controller.slower, this.#versions.length > 0)
    if (this.controller.phase.kind === 'ended' || this.controller.phase.kind === 'failed') {
      this.#veil.show(this.controller.phase, this.#versions.length > 0)
    }
    await this.#timeline?.updateCalls()
  }

  #attempt(title: string, run: () => Promise<unknown>): void {
    run().catch((error: unknown) => {
      this.#notices.show({ look: 'bad', topic: 'action', title, text: messageOf(error) })
    })
  }

  async #resume(): Promise<void> {
    const { phase } = this.controller
    if (phase.kind === 'elsewhere') return takeOver(this.controller)
    if (phase.kind === 'handedOver') {
      return this.#attempt('It could not be brought back.', () => bringBack(this.controller))
    }
    // Of a program that has ended or trapped, the newest checkpoint is where there is something to go on with.
    const isOver = phase.kind === 'ended' || phase.kind === 'failed'
    this.#attempt('It could not be resumed.', () => this.controller.resume(isOver ? this.#versions.at(-1) : undefined))
  }

  async #fork(version?: number): Promise<void> {
    const { name, addressOf } = this.#options
    try {
      const fork = await this.controller.fork(version)
      writeSettings(fork, readSettings(name))
      const open = () => window.open(addressOf(fork, false), '_blank', 'noopener')
      const text = `It begins where ${version === undefined ? `${name} is now` : `checkpoint ${version} is`}, and goes its own way.`
      this.#notices.show({
        look: 'plain',
        topic: 'fork',
        title: `${fork} is a session of its own.`,
        text,
        actions: [{ label: 'Open it in a new tab', run: open }],
      })
    } catch (error) {
      this.#notices.show({ look: 'bad', topic: 'fork', title: 'No fork was made.', text: messageOf(error) })
    }
  }

  async #send(): Promise<void> {
    const { name, store, tabs, addressOf } = this.#options
    await openSendDialog(this.#root, name, {
      others: () => tabs.others(),
      toNewTab: async () => {
        // While the click still counts as one, or the browser would refuse.
        const opened = window.open(addressOf(name, true), '_blank')
        if (opened === null)
          throw new Error('The browser does not let this page open a tab. Allow it for this page, and try again.')
      },
      toTab: async ({ id }) => {
        tabs.tell({ kind: 'offer', session: name }, id)
      },
      toFile: async () => {
        await this.controller.pause()
        await saveSession(store, name)
      },
      toServer: (place, progress) =>
        sendTo(this.controller, place, ({ done, total }) =>
          progress(`${formatSize(done)} of ${formatSize(total)} are there…`),
        ),
    })
  }

  /** WASI knows no signals: what Ctrl-C can do is to end the program. */
  #interrupt(hadLine: boolean): void {
    if (hadLine || !this.controller.isRunning) return
    const now = performance.now()
    if (now - this.#interruptedAt < insisting) {
      this.#interruptedAt = Number.NEGATIVE_INFINITY
      this.#notices.clear('interrupt')
      void this.controller.end()
      return
    }
    this.#interruptedAt = now
    this.#notices.show({
      ...{ look: 'warn', topic: 'interrupt', title: 'Ctrl-C', lasts: insisting },
      text: 'cannot interrupt here: WASI programs receive no signals. Press it again to end the program, or pause it.',
      actions: [
        { label: 'End program', run: () => void this.controller.end() },
        { label: 'Pause', run: () => this.#attempt('It could not be stopped.', () => this.controller.pause()) },
      ],
    })
  }

  /** How keys are given, and whether output is read aloud. */
  #addToggles(): void {
    const { name } = this.#options
    const { discipline } = this.terminal
    const text = () => (discipline.mode === 'keys' ? 'Input: keys' : 'Input: lines')
    const input = button(
      text(),
      () => {
        discipline.mode = discipline.mode === 'keys' ? 'lines' : 'keys'
        writeSettings(name, { input: discipline.mode })
        input.textContent = text()
        this.terminal.focus()
      },
      { class: 'input-mode', title: 'Lines are edited here and given when they end; keys are given at once' },
    )
    const announce = button(
      'Read output aloud',
      () => {
        this.terminal.announces = true
        announce.remove()
        this.terminal.focus()
      },
      { class: 'on-focus' },
    )
    this.#bar.element.querySelector('.who')?.append(input, announce)
    this.#syncInput = () => {
      input.textContent = text()
    }
  }

  #syncInput: () => void = () => undefined

  /** The program's own wish, once it is known. */
  syncInput(): void {
    this.terminal.discipline.mode = readSettings(this.#options.name).input
    this.#syncInput()
  }

  dispose(): void {
    clearInterval(this.#timer)
    this.controller.dispose()
    this.terminal.dispose()
    this.#preview.dispose()
    this.#inspection.dispose()
    this.element.remove()
  }
}
