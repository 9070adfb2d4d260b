import type { Terminal } from '../terminal.ts'

/** Characters that are collected before they are written: a system call a line would take most of the time. */
const enough = 1 << 16

/** Lines for stdout. */
export class LineOutput {
  readonly #terminal: Terminal
  #lines: string[] = []
  #length = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  line(text: string): void {
    this.#lines.push(text)
    this.#length += text.length
  }

  /** Writes what has been collected, and waits while whoever reads is slower. */
  async flush(): Promise<void> {
    if (this.#lines.length === 0) return
    this.#terminal.out(this.#lines.join('\n'))
    this.#lines = []
    this.#length = 0
    await this.#terminal.drained?.()
  }

  async flushIfFull(): Promise<void> {
    if (this.#length >= enough) await this.flush()
  }
}
