import { button, h, replace } from '../dom.ts'
import type { Inspection } from '../inspect/client.ts'
import type { CallsQuestion } from '../inspect/messages.ts'

const most = 300

/** The session's calls, the last ones first, by what is asked for. */
export class CallsPane {
  readonly element: HTMLElement = h('div')
  readonly #inspection: Inspection
  readonly #name = h('input', {
    type: 'search',
    class: 'mono',
    placeholder: 'fd_*',
    spellcheck: 'false',
    autocapitalize: 'off',
  })
  readonly #fd = h('input', { type: 'search', class: 'mono', placeholder: '0', inputmode: 'numeric' })
  readonly #path = h('input', {
    type: 'search',
    class: 'mono',
    placeholder: '*.txt',
    spellcheck: 'false',
    autocapitalize: 'off',
  })
  readonly #failed = h('input', { type: 'checkbox' })
  readonly #status = h('p', { class: 'soft', role: 'status', style: 'margin:0 0 6px' })
  readonly #list = h('ol', { class: 'calls' })
  #turn = 0

  constructor(inspection: Inspection) {
    this.#inspection = inspection
    const field = (label: string, input: HTMLElement) => h('label', { class: 'field' }, label, input)
    const filters = h(
      'form',
      { class: 'filters', onsubmit: (event) => event.preventDefault(), oninput: () => void this.refresh() },
      field('Function', this.#name),
      field('Descriptor', this.#fd),
      field('Path', this.#path),
      h(
        'div',
        { class: 'wide' },
        h('label', { class: 'check' }, this.#failed, 'Only failed calls'),
        button('Look again', () => void this.refresh(), { class: 'quiet' }),
      ),
    )
    this.element.append(filters, this.#status, this.#list)
  }

  async refresh(): Promise<void> {
    const turn = ++this.#turn
    try {
      const { lines, count, note } = await this.#inspection.ask('calls', this.#question())
      if (turn !== this.#turn) return
      const shown = lines.filter(({ kind }) => kind === 'call' || kind === 'failed').length
      const some = shown < count ? `The last ${shown} of ` : ''
      replace(
        this.#status,
        note ?? `${some}${count.toLocaleString('en-US')} ${count === 1 ? 'call' : 'calls'}, the latest first.`,
      )
      replace(
        this.#list,
        [...lines].reverse().map(({ call, text, kind }) => {
          const at = kind === 'failed' ? Math.max(text.lastIndexOf(' = '), text.lastIndexOf(' throws ')) : text.length
          const isMark = kind === 'checkpoint' || kind === 'gap'
          return h(
            'li',
            {},
            h('span', { class: 'n' }, isMark ? '' : call),
            h(
              'span',
              { class: isMark && 'mark-line' },
              text.slice(0, at),
              at < text.length && h('span', { class: 'bad' }, text.slice(at)),
            ),
          )
        }),
      )
    } catch (error) {
      if (turn === this.#turn)
        replace(this.#status, `The log cannot be read: ${error instanceof Error ? error.message : error}`)
    }
  }

  #question(): CallsQuestion {
    const texts = (input: HTMLInputElement) => input.value.split(/[\s,]+/).filter((word) => word !== '')
    const fds = texts(this.#fd).map(Number).filter(Number.isInteger)
    return { names: texts(this.#name), fds, paths: texts(this.#path), failed: this.#failed.checked, most }
  }
}
