/**
 * The line that a person types while the terminal is in raw mode, as a terminal driver would keep it: echo, erase, kill, end
 * of input. A program on another machine gets whole lines, as it would from a terminal of its own.
 */
export interface Typed {
  /** For the program. */
  readonly send: string
  /** For the person's terminal, which in raw mode too begins a new line at its left edge. */
  readonly echo: string
  /** Ctrl-D on an empty line. */
  readonly eof: boolean
  /** Ctrl-]. */
  readonly detach: boolean
}

const escapeCharacter = String.fromCharCode(27)
/** An escape sequence (arrows, function keys): nothing that a line needs. */
const sequence = new RegExp(`^${escapeCharacter}(\\[[0-9;?]*[ -/]*[@-~]|O.|[^[O])`)

export class LineEditor {
  #line: string[] = []

  /** Takes what was typed, or pasted. */
  type(text: string): Typed {
    let send = ''
    let echo = ''
    for (let rest = text; rest !== ''; ) {
      const skipped = sequence.exec(rest)
      if (skipped !== null) {
        rest = rest.slice(skipped[0].length)
        continue
      }
      const [character = ''] = rest
      rest = rest.slice(character.length)
      switch (character) {
        case '\x1d':
          return { send, echo, eof: false, detach: true }
        case '\r':
        case '\n':
          send += `${this.#take()}\n`
          echo += '\n'
          break
        case '\x04':
          if (this.#line.length === 0) return { send, echo, eof: true, detach: false }
          // In the middle of a line: what there is, without an end.
          send += this.#take()
          break
        case '\x7f':
        case '\b':
          if (this.#line.pop() !== undefined) echo += '\b \b'
          break
        case '\x15':
          echo += '\b \b'.repeat(this.#line.length)
          this.#take()
          break
        case '\x03':
          echo += '^C\n'
          this.#take()
          break
        default:
          if (character < ' ' && character !== '\t') break
          this.#line.push(character)
          echo += character
      }
    }
    return { send, echo, eof: false, detach: false }
  }

  #take(): string {
    const line = this.#line.join('')
    this.#line = []
    return line
  }
}
