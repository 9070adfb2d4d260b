import { button, h, replace, svg } from './dom.ts'
import { describePhase, type Phase } from './phase.ts'

export interface BarActions {
  readonly checkpoint: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly fork: () => void
  readonly send: () => void
  readonly end: () => void
}

/** Shapes tell states apart as well as colours do. */
const shapes = {
  running: 'M1 0L10 5L1 10Z',
  paused: 'M1 0H4V10H1ZM6 0H9V10H6Z',
  elsewhere: 'M5 0L10 5L5 10L0 5Z',
  ended: 'M1 1H9V9H1Z',
  failed: 'M5 0L10 10H0Z',
  opening: 'M2 5A3 3 0 1 0 8 5A3 3 0 1 0 2 5',
} as const

/** The session's name, how it stands and where, and what can be done with it. */
export class SessionBar {
  readonly element: HTMLElement
  readonly #state = h('span', { class: 'state', role: 'status' })
  readonly #where = h('span', { class: 'where' })
  readonly #buttons: Readonly<Record<keyof BarActions, HTMLButtonElement>>

  constructor(name: string, actions: BarActions) {
    this.#buttons = {
      checkpoint: button('Checkpoint', actions.checkpoint, { title: 'Keep this instant; the program goes on' }),
      pause: button('Pause', actions.pause, { title: 'Stop with a checkpoint (Ctrl-Z)' }),
      resume: button('Resume here', actions.resume, { class: 'primary' }),
      fork: button('Fork', actions.fork, { title: 'Begin a second session from here' }),
      send: button('Send to…', actions.send, { 'aria-haspopup': 'dialog' }),
      end: button('End', actions.end, { class: 'quiet danger', title: 'End the program; its checkpoints stay' }),
    }
    const { checkpoint, pause, resume, fork, send, end } = this.#buttons
    this.element = h(
      'header',
      { class: 'bar' },
      h('div', { class: 'who' }, h('h2', {}, name), this.#state, this.#where),
      h(
        'div',
        { class: 'actions', role: 'group', 'aria-label': 'Session' },
        checkpoint,
        pause,
        resume,
        fork,
        send,
        end,
      ),
    )
  }

  /** `slower`: why programs run slower in this page; `isKept`: there is something to go on from. */
  show(phase: Phase, slower: string | undefined, isKept: boolean): void {
    const { look, state, where } = describePhase(phase)
    this.#state.className = `state ${look}`
    replace(
      this.#state,
      svg('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' }, svg('path', { d: shapes[look] })),
      state,
    )
    const isRunning = phase.kind === 'running'
    replace(this.#where, where, isRunning && slower !== undefined ? ', slower: the page is not isolated' : '')
    this.#where.title = slower ?? ''
    const { checkpoint, pause, resume, fork, send, end } = this.#buttons
    const isAway = phase.kind === 'elsewhere' || phase.kind === 'handedOver' || phase.kind === 'paused'
    const canGoOn = isAway || ((phase.kind === 'failed' || phase.kind === 'ended') && isKept)
    pause.hidden = canGoOn
    resume.hidden = !canGoOn
    checkpoint.disabled = pause.disabled = end.disabled = !isRunning
    fork.disabled = !isRunning && !(isKept && canGoOn)
    send.disabled = !isRunning && !(isKept && canGoOn)
  }
}
