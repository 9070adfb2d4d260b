import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { FileStore } from '../../host-node/file-store.ts'
import { Session } from '../../host-node/sessions.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import type { RestoreOptions } from '../../runtime/session/options.ts'
import type { Outcome } from '../../runtime/session/outcome.ts'
import { isStasisError, type StasisError } from '../../wasm-shim/errors.ts'
import { restore } from '../session/harness.ts'
import { dice, filesOf, throws } from './dice.ts'

/** What a session has left whose process was killed: files of the store by path, and the letters that were shown. */
export interface Remains {
  readonly files: ReadonlyMap<string, Buffer>
  readonly letters: string
}

/** Runs the dice until they wait for stdin, with a checkpoint before each of these calls, and kills them there. */
export async function killedDice(checkpoints: readonly number[], keepLog = true): Promise<Remains> {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-dice-'))
  try {
    const store = new FileStore(directory)
    let letters = ''
    const session = await Session.start({
      module: dice,
      store,
      name: 'dice',
      stdin: new PassThrough(),
      stdout: (bytes) => {
        letters += new TextDecoder().decode(bytes)
      },
      cache: false,
      keepLog,
      triggers: checkpoints.map((call) => ({ kind: 'call' as const, call })),
    })
    while (letters.length < throws) await new Promise((resolve) => setTimeout(resolve, 5))
    // Killed between its last letter and the wait that follows, it would throw that one again.
    await new Promise((resolve) => setTimeout(resolve, 200))
    // Saves what was captured first.
    await session.terminate(137)
    return { files: filesOf(directory), letters }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export interface Attempt {
  readonly outcome?: Outcome
  readonly error?: StasisError
  readonly shown: string
  readonly events: readonly SessionEvent[]
  /** Of the store, afterwards. */
  readonly files: ReadonlyMap<string, Buffer>
}

/** A store with these files. */
export class DiceStore {
  readonly directory = mkdtempSync(join(tmpdir(), 'stasis-dice-'))
  readonly store = new FileStore(this.directory)

  constructor(files: ReadonlyMap<string, Buffer>) {
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(this.directory, path)), { recursive: true })
      writeFileSync(join(this.directory, path), bytes)
    }
  }

  /** Restores the newest state and runs it to its end; the log stays. */
  async restore(options: RestoreOptions = {}, seed = 77): Promise<Attempt> {
    const events: SessionEvent[] = []
    const onEvent = (event: SessionEvent) => void events.push(event)
    const all = { module: dice, keepLog: true, onEvent, ...options }
    try {
      const { session, host } = await restore(this.store, 'dice', all, { seed })
      const outcome = await session.done
      return { outcome, shown: host.stdoutText(), events, files: filesOf(this.directory) }
    } catch (error) {
      if (!isStasisError(error)) throw error
      return { error, shown: '', events, files: filesOf(this.directory) }
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
