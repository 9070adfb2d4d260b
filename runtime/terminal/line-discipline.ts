/**
 * What the kernel of a POSIX system does between a keyboard and a program (termios, "canonical mode"): typed characters
 * are shown and can be taken back, and the program is given whole lines. A terminal in a page has no such kernel, and WASI
 * has no call that would turn it off, so that whoever shows the terminal chooses: `lines`, or `keys` for games and the
 * like, where each key goes to the program at once and nothing is shown.
 *
 *   Backspace  takes a character back     Ctrl-W  a word      Ctrl-U  the line
 *   Ctrl-D     gives what is typed, or ends the input         Ctrl-R  shows the line again
 *   Ctrl-V     takes the next key as it is                    Ctrl-C, Ctrl-Z  are told and drop the line
 */
import { characterWidth } from './width.ts'

export type InputMode = 'lines' | 'keys'

export interface DisciplineSink {
  /** For the terminal. */
  echo(text: string): void
  /** For the program, in UTF-8. */
  give(bytes: Uint8Array): void
  /** Ctrl-D on an empty line: no more will come. */
  end(): void
  /** Ctrl-C, and Ctrl-Z. `hadLine`: a line was being typed, and is dropped. */
  interrupt(hadLine: boolean): void
  suspend(): void
}

/** A typed character with the marks on it, and the columns that its echo takes. */
interface Cell {
  readonly text: string
  readonly width: number
}

/** POSIX MAX_CANON is at least 255; Linux takes 4,096 bytes a line and drops what is typed beyond. */
const maxCells = 65_536
const tabStop = 8
/** A sequence that a key like an arrow sends: it means nothing in a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals speak in them
const keySequence = /^\x1b(?:\[[0-9;?<=>]*[ -/]*[@-~]|O.|[^[O])?/

const encoder = new TextEncoder()

export class LineDiscipline {
  mode: InputMode
  readonly #sink: DisciplineSink
  #line: Cell[] = []
  #isLiteral = false
  #afterReturn = false

  constructor(sink: DisciplineSink, mode: InputMode = 'lines') {
    this.#sink = sink
    this.mode = mode
  }

  /** What is typed and not given yet. */
  get pending(): string {
    return this.#line.map(({ text }) => text).join('')
  }

  /** Takes the typed text off the terminal, and puts it back: around output that comes while a line is typed. */
  get shown(): { readonly erase: string; readonly echo: string } {
    return { erase: erasing(this.#line), echo: this.#line.map(echoOf).join('') }
  }

  /** What a terminal sent: keys, or pasted text. */
  feed(data: string): void {
    let rest = data
    while (rest !== '') {
      const sequence = this.mode === 'lines' && !this.#isLiteral ? (keySequence.exec(rest)?.[0] ?? '') : ''
      const step = sequence === '' ? String.fromCodePoint(rest.codePointAt(0)!) : sequence
      rest = rest.slice(step.length)
      if (sequence !== '') continue
      if (this.mode === 'keys') this.#key(step)
      else this.#character(step)
    }
  }

  #key(key: string): void {
    if (key === '\x03') this.#sink.interrupt(false)
    else if (key === '\x1a') this.#sink.suspend()
    else if (key === '\x04') this.#sink.end()
    else this.#sink.give(encoder.encode(key === '\r' ? '\n' : key))
  }

  #character(character: string): void {
    const isPair = this.#afterReturn && character === '\n'
    this.#afterReturn = character === '\r'
    if (isPair) return
    const isLiteral = this.#isLiteral
    this.#isLiteral = false
    const control = isLiteral ? undefined : this.#controls[character]
    if (control === undefined) this.#insert(character)
    else control()
  }

  readonly #controls: Readonly<Record<string, () => void>> = {
    '\r': () => this.#submit('\n'),
    '\n': () => this.#submit('\n'),
    '\x7f': () => this.#erase(1),
    '\b': () => this.#erase(1),
    '\x17': () => this.#eraseWord(),
    '\x15': () => this.#erase(this.#line.length),
    '\x12': () => this.#sink.echo(`^R\r\n${this.#line.map(echoOf).join('')}`),
    '\x16': () => {
      this.#isLiteral = true
    },
    '\x04': () => {
      if (this.#line.length === 0) this.#sink.end()
      else this.#submit('')
    },
    '\x03': () => this.#drop('^C', (hadLine) => this.#sink.interrupt(hadLine)),
    '\x1a': () => this.#drop('^Z', () => this.#sink.suspend()),
  }

  #insert(character: string): void {
    const code = character.codePointAt(0)!
    const last = this.#line.at(-1)
    if (last !== undefined && code >= 0x300 && characterWidth(code) === 0) {
      this.#line[this.#line.length - 1] = { ...last, text: last.text + character }
      this.#sink.echo(character)
      return
    }
    if (this.#line.length >= maxCells) {
      this.#sink.echo('\x07')
      return
    }
    const cell = { text: character, width: this.#widthOf(code) }
    this.#line.push(cell)
    this.#sink.echo(echoOf(cell))
  }

  #widthOf(code: number): number {
    // The terminal's own stops count from its left edge, which is not known here.
    if (code === 9) return tabStop - (this.#line.reduce((sum, { width }) => sum + width, 0) % tabStop)
    return isControl(code) ? 2 : characterWidth(code)
  }

  #erase(count: number): void {
    const erased = this.#line.splice(this.#line.length - Math.min(count, this.#line.length))
    this.#sink.echo(erasing(erased))
  }

  #eraseWord(): void {
    const isSpace = (index: number) => /^\s/.test(this.#line[index]!.text)
    let start = this.#line.length
    while (start > 0 && isSpace(start - 1)) start--
    while (start > 0 && !isSpace(start - 1)) start--
    this.#erase(this.#line.length - start)
  }

  #submit(end: '\n' | ''): void {
    const text = this.pending + end
    this.#line = []
    if (end !== '') this.#sink.echo('\r\n')
    this.#sink.give(encoder.encode(text))
  }

  #drop(shown: string, tell: (hadLine: boolean) => void): void {
    const hadLine = this.#line.length > 0
    this.#line = []
    this.#sink.echo(hadLine ? `${shown}\r\n` : '')
    tell(hadLine)
  }
}

const erasing = (cells: readonly Cell[]): string => '\b \b'.repeat(cells.reduce((sum, { width }) => sum + width, 0))

const isControl = (code: number): boolean => code < 32 || code === 127

/** What is shown for a character: controls as ^X, tabs as the spaces that they were counted as. */
function echoOf({ text, width }: Cell): string {
  const code = text.codePointAt(0)!
  if (code === 9) return ' '.repeat(width)
  return isControl(code) ? `^${String.fromCharCode(code ^ 64)}` : text
}
