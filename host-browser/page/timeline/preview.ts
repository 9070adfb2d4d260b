import { Terminal } from '@xterm/xterm'
import { h, replace } from '../dom.ts'
import { themeOf } from '../terminal/theme.ts'
import { widths } from '../terminal/unicode.ts'

/** The terminal as it was, small, beside what is pointed at. */
export class Preview {
  readonly element: HTMLElement = h('div', { class: 'preview', role: 'tooltip', hidden: true })
  readonly #screen: HTMLElement = h('div')
  readonly #caption: HTMLElement = h('p')
  readonly #size: () => { readonly columns: number; readonly rows: number }
  #terminal: Terminal | undefined
  #shown = 0

  constructor(size: () => { readonly columns: number; readonly rows: number }) {
    this.#size = size
    this.element.append(this.#caption, this.#screen)
  }

  /** `anchor` is in the page's coordinates. The screen may come later. */
  async show(anchor: DOMRect, caption: string, screen: Promise<Uint8Array | undefined>): Promise<void> {
    const turn = ++this.#shown
    const bytes = await screen.catch(() => undefined)
    if (turn !== this.#shown) return
    replace(this.#caption, caption)
    this.element.hidden = false
    this.#screen.hidden = bytes === undefined
    if (bytes !== undefined) await this.#draw(bytes)
    if (turn === this.#shown) this.#place(anchor)
  }

  hide(): void {
    this.#shown++
    this.element.hidden = true
  }

  #draw(bytes: Uint8Array): Promise<void> {
    const { columns, rows } = this.#size()
    this.#terminal ??= this.#open()
    this.#terminal.options.theme = themeOf(this.element)
    this.#terminal.reset()
    this.#terminal.resize(columns, rows)
    return new Promise((resolve) => this.#terminal!.write(bytes, resolve))
  }

  #open(): Terminal {
    const terminal = new Terminal({
      ...{ allowProposedApi: true, convertEol: true, disableStdin: true, fontSize: 7, lineHeight: 1.2, scrollback: 0 },
      fontFamily: getComputedStyle(this.element).getPropertyValue('--mono').trim() || 'monospace',
      cursorInactiveStyle: 'none',
    })
    terminal.unicode.register(widths)
    terminal.unicode.activeVersion = widths.version
    terminal.open(this.#screen)
    return terminal
  }

  /** Above the mark where there is room, inside of the window. */
  #place({ left, top, bottom, width }: DOMRect): void {
    const own = this.element.getBoundingClientRect()
    const x = Math.max(8, Math.min(left + width / 2 - own.width / 2, innerWidth - own.width - 8))
    const y = top - own.height - 10 >= 8 ? top - own.height - 10 : Math.min(bottom + 10, innerHeight - own.height - 8)
    this.element.style.left = `${Math.round(x)}px`
    this.element.style.top = `${Math.round(Math.max(8, y))}px`
  }

  dispose(): void {
    this.#terminal?.dispose()
  }
}
