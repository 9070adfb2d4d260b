import { button, h } from './dom.ts'
import type { Notice } from './notice.ts'

/** What the reader is told, one topic a line. */
export class Notices {
  readonly element: HTMLElement = h('div', { class: 'notices' })
  readonly #shown = new Map<string, HTMLElement>()

  show(notice: Notice): void {
    this.clear(notice.topic)
    const { look, title, text, topic, actions = [], lasts } = notice
    const close = () => this.clear(topic, line)
    const buttons = actions.map(({ label, run }) =>
      button(label, () => {
        close()
        run()
      }),
    )
    const line = h(
      'div',
      { class: `notice ${look}`, role: look === 'bad' ? 'alert' : 'status' },
      h('p', {}, title === undefined ? null : [h('strong', {}, title), ' '], text),
      h('div', { class: 'buttons' }, ...buttons, button('Dismiss', close, { class: 'quiet' })),
    )
    this.#shown.set(topic, line)
    this.element.append(line)
    if (lasts !== undefined) setTimeout(close, lasts)
  }

  /** `line`: only if it is still this one. */
  clear(topic: string, line: HTMLElement | undefined = this.#shown.get(topic)): void {
    line?.remove()
    if (this.#shown.get(topic) === line) this.#shown.delete(topic)
  }
}
