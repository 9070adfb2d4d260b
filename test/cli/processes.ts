import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assembleGuest, guestNames } from './guests.ts'

const commandLine = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** One `stasis` process. */
export class Stasis {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  out = ''
  err = ''

  constructor(cwd: string, argv: readonly string[], env: NodeJS.ProcessEnv, node = process.execPath) {
    this.child = spawn(node, [commandLine, ...argv], { cwd, env })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text
    })
    this.finished = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal, out: this.out, err: this.err }))
    })
  }

  write(text: string): void {
    this.child.stdin?.write(text)
  }

  end(text = ''): Promise<Finished> {
    this.child.stdin?.end(text)
    return this.finished
  }

  /** Resolves once the text was written; fails where the process ends before. */
  async says(text: string, where: 'out' | 'err' = 'out'): Promise<void> {
    let over: Finished | undefined
    void this.finished.then((finished) => {
      over = finished
    })
    while (!this[where].includes(text)) {
      if (over) throw new Error(`It ended without "${text}": ${JSON.stringify(over)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** A directory of its own with the guests in it, and the processes started there. */
export class Workplace {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), 'st-')))
  readonly #started: Stasis[] = []

  readonly #node: string

  constructor(node: string = process.execPath) {
    this.#node = node
    for (const name of guestNames) writeFileSync(join(this.directory, `${name}.wasm`), assembleGuest(name))
  }

  start(...argv: string[]): Stasis {
    const { STASIS_STORE: _, FORCE_COLOR: __, ...env } = process.env
    const own = { TMPDIR: this.directory, XDG_CACHE_HOME: this.directory, GREETING: 'hello', NO_COLOR: '1' }
    const process_ = new Stasis(this.directory, argv, { ...env, ...own }, this.#node)
    this.#started.push(process_)
    return process_
  }

  /** Runs to the end, with nothing on stdin. */
  run(...argv: string[]): Promise<Finished> {
    return this.start(...argv).end()
  }

  async close(): Promise<void> {
    for (const { child } of this.#started) if (child.exitCode === null) child.kill('SIGKILL')
    await Promise.all(this.#started.map((one) => one.finished))
    rmSync(this.directory, { recursive: true })
  }
}
