import { TrapError } from '../../runtime/session/packed-error.ts'
import { button, h, replace } from './dom.ts'
import { messageOf } from './notice.ts'
import type { Phase } from './phase.ts'

export interface VeilActions {
  readonly resume: () => void
  readonly fork: () => void
}

/** A start that takes less than this many milliseconds says nothing. */
const patience = 350

/** What stands over the terminal while nothing runs in it. */
export class Veil {
  readonly element: HTMLElement = h('div', { class: 'veil', hidden: true })
  readonly #actions: VeilActions
  readonly #home: readonly HTMLElement[]
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `hasHome`: the page has a list of programs to go back to. */
  constructor(actions: VeilActions, hasHome: boolean) {
    this.#actions = actions
    this.#home = hasHome ? [h('a', { href: '#' }, 'All programs')] : []
  }

  show(phase: Phase, isKept: boolean): void {
    clearTimeout(this.#timer)
    const card = this.#card(phase, isKept)
    const isSlow = phase.kind === 'opening' || phase.kind === 'stopping'
    if (card === undefined || isSlow) this.element.hidden = true
    if (card === undefined) return
    const put = () => {
      replace(this.element, card)
      this.element.hidden = false
    }
    if (isSlow) this.#timer = setTimeout(put, patience)
    else put()
  }

  #card(phase: Phase, isKept: boolean): HTMLElement | undefined {
    const { resume, fork } = this.#actions
    const goOn = button('Resume here', resume, { class: 'primary' })
    switch (phase.kind) {
      case 'running':
        return undefined
      case 'opening':
      case 'stopping':
        return h('div', { class: 'card' }, h('p', {}, `${phase.text}…`))
      case 'paused':
        return card('Paused', 'The program stands still in mid-call. It goes on from there, here or elsewhere.', goOn)
      case 'elsewhere':
        return card(
          'This session runs in another tab',
          'Only one copy of a session runs at a time. If you resume it here, the other tab stops it with a checkpoint first.',
          goOn,
          button('Fork instead', fork),
        )
      case 'handedOver':
        return card(`Handed over to ${phase.to}`, 'It goes on there from the checkpoint that was taken here.', goOn)
      case 'ended':
        return card(
          `The program ended with code ${phase.code}`,
          isKept ? 'Its checkpoints are kept. Resume or fork one of them from the timeline.' : 'Nothing of it is kept.',
          ...this.#home,
        )
      case 'failed':
        return card(...failureText(phase.error), ...(isKept ? [goOn] : []), ...this.#home)
    }
  }
}

const card = (title: string, text: string, ...actions: readonly HTMLElement[]): HTMLElement =>
  h('div', { class: 'card' }, h('h3', {}, title), h('p', {}, text), h('div', { class: 'buttons' }, ...actions))

/** A trap is the program's own fault; anything else says by itself what can be done. */
function failureText(error: unknown): [title: string, text: string] {
  if (!(error instanceof TrapError)) return ['It does not run', messageOf(error)]
  const text = `It executed what WebAssembly forbids (${error.message}), which is a fault of the program. Its checkpoints are intact.`
  return ['The program trapped', text]
}
