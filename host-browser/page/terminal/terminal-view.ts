import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { LineDiscipline } from '../../../runtime/terminal/line-discipline.ts'
import { themeOf } from './theme.ts'
import { widths } from './unicode.ts'

export interface TerminalEvents {
  readonly give: (bytes: Uint8Array) => void
  readonly end: () => void
  readonly interrupt: (hadLine: boolean) => void
  readonly suspend: () => void
}

/** Backspace over a line that was wrapped goes back to the end of the row above. */
const reverseWraparound = '\x1b[?45h'

/** A terminal with a line discipline before the program. */
export class TerminalView {
  readonly element: HTMLElement
  readonly discipline: LineDiscipline
  readonly #terminal: Terminal
  readonly #fit = new FitAddon()
  readonly #cleanup: (() => void)[] = []
  #lastKey = ''

  constructor(element: HTMLElement, events: TerminalEvents) {
    this.element = element
    this.#terminal = new Terminal({
      allowProposedApi: true,
      convertEol: true,
      fontFamily: getComputedStyle(element).getPropertyValue('--mono').trim() || 'monospace',
      fontSize: 13.5,
      lineHeight: 1.25,
      scrollback: 5000,
      overviewRuler: { width: 9 },
      cursorStyle: 'bar',
      cursorInactiveStyle: 'outline',
      drawBoldTextInBrightColors: false,
      minimumContrastRatio: 3,
      theme: themeOf(element),
    })
    this.discipline = new LineDiscipline({
      echo: (text) => this.#terminal.write(text.replaceAll('\r\n', '\n')),
      ...events,
    })
    this.#terminal.unicode.register(widths)
    this.#terminal.unicode.activeVersion = widths.version
    this.#terminal.loadAddon(this.#fit)
    this.#terminal.open(element)
    this.#terminal.write(reverseWraparound)
    this.#terminal.textarea?.setAttribute(
      'aria-label',
      'Terminal input. Shift and Tab leave it; so do Escape and then Tab.',
    )
    this.#terminal.attachCustomKeyEventHandler((event) => !this.#leaves(event))
    this.#terminal.onData((data) => this.discipline.feed(data))
    this.#follow()
  }

  /** Tab belongs to the program; who has no mouse leaves by Shift-Tab, or forwards by Escape and then Tab. */
  #leaves({ type, key, shiftKey }: KeyboardEvent): boolean {
    if (type !== 'keydown') return false
    const isLeaving = key === 'Tab' && (shiftKey || this.#lastKey === 'Escape')
    if (key !== 'Shift') this.#lastKey = key
    return isLeaving
  }

  /** Size and colours are those of the page, whatever happens to it. */
  #follow(): void {
    const observer = new ResizeObserver(() => this.fit())
    observer.observe(this.element)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const repaint = () => {
      this.#terminal.options.theme = themeOf(this.element)
    }
    dark.addEventListener('change', repaint)
    this.#cleanup.push(
      () => observer.disconnect(),
      () => dark.removeEventListener('change', repaint),
    )
  }

  fit(): void {
    if (this.element.clientWidth > 0 && this.element.clientHeight > 0) this.#fit.fit()
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: this.#terminal.cols, rows: this.#terminal.rows }
  }

  /** Resolves once it is shown, so that a program that writes faster than a terminal can show waits. */
  write(bytes: Uint8Array | string): Promise<void> {
    const { erase, echo } = this.discipline.shown
    if (erase === '') return new Promise((resolve) => this.#terminal.write(bytes, resolve))
    // What is being typed stays behind what the program writes.
    this.#terminal.write(erase)
    this.#terminal.write(bytes)
    return new Promise((resolve) => this.#terminal.write(echo, resolve))
  }

  /** As new. */
  reset(): void {
    this.#terminal.reset()
    this.#terminal.write(reverseWraparound)
  }

  set announces(isWanted: boolean) {
    this.#terminal.options.screenReaderMode = isWanted
  }

  set readOnly(isReadOnly: boolean) {
    this.#terminal.options.disableStdin = isReadOnly
    this.#terminal.options.cursorInactiveStyle = isReadOnly ? 'none' : 'outline'
  }

  focus(): void {
    this.#terminal.focus()
  }

  /** The text of the lines that are seen, for tests and for copying. */
  text(): string {
    const { active } = this.#terminal.buffer
    const lines = Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '')
    return lines.join('\n').trimEnd()
  }

  dispose(): void {
    for (const undo of this.#cleanup) undo()
    this.#terminal.dispose()
  }
}
