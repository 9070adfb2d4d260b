import type { Context, Perform } from '../context.ts'
import type { Descriptor } from '../state.ts'
import { decodeNote, type Note } from './note.ts'
import { redos } from './redo.ts'
import { retraces } from './retrace.ts'
import { WrittenFiles } from './written-files.ts'

/** Shifting a bigint costs ten times as much. */
const halves = new Uint32Array(2)
const whole = new BigUint64Array(halves.buffer)

/**
 * How the calls of a session that is rolled forward are made: 'replay' takes outcomes from the log and changes the state by
 * them (D7), 'redo' makes the one call again whose effect may have taken place, 'live' is as ever.
 */
export class Recovery {
  mode: 'replay' | 'redo' | 'live' = 'replay'
  /** Of the recorded call: results through pointers as words from index `at` on, and its note. */
  #results: Int32Array = new Int32Array(0)
  #at = 0
  #note: Uint8Array = new Uint8Array(0)
  /** Output to streams is shown again. */
  readonly echo: boolean
  /** Bytes that the program read from its stdin in the replay. */
  stdinRead = 0
  /** Files of hosts that the program changed in the replay, as `mount:path`. */
  readonly #changed = new Set<string>()

  /** Kept where somebody wants them. */
  readonly files: WrittenFiles | undefined

  constructor(echo: boolean, files: boolean) {
    this.echo = echo
    this.files = files ? new WrittenFiles() : undefined
  }

  /** The next call is one of the log. */
  recorded(results: Int32Array, at: number, note: Uint8Array): void {
    this.#results = results
    this.#at = at
    this.#note = note
  }

  /** The log is over. With a note the next call is the one before whose result it ended. */
  end(note: Uint8Array): void {
    this.mode = note.length > 0 ? 'redo' : 'live'
    this.#note = note.slice()
  }

  /** The note of the call that is made again, once more for the log; undefined where it has none. */
  get pendingNote(): Uint8Array | undefined {
    return this.mode === 'redo' ? this.#note : undefined
  }

  get note(): Note | undefined {
    return this.#note.length === 0 ? undefined : decodeNote(this.#note)
  }

  u32(word: number): number {
    return this.#results[this.#at + word]! >>> 0
  }

  u64(word: number): bigint {
    halves[0] = this.u32(word)
    halves[1] = this.u32(word + 1)
    return whole[0]!
  }

  changed(descriptor: Descriptor | null | undefined): void {
    if (descriptor?.kind === 'file') this.changedPath(descriptor.mount, descriptor.path)
  }

  changedPath(mount: number, path: string): void {
    this.#changed.add(`${mount}:${path}`)
  }

  hasChanged(mount: number, path: string): boolean {
    return this.#changed.has(`${mount}:${path}`)
  }
}

/** A call that follows the recovery's mode. */
export function recoverable(name: string, perform: Perform, recovery: Recovery): Perform {
  const retrace = retraces[name]
  if (retrace === undefined) return perform
  const redo = redos[name]
  return (context: Context, ...params: unknown[]) => {
    switch (recovery.mode) {
      case 'live':
        return perform(context, ...params)
      case 'replay':
        return retrace({ context, recovery, perform }, ...params)
      case 'redo': {
        const { note } = recovery
        recovery.mode = 'live'
        return redo === undefined || note === undefined
          ? perform(context, ...params)
          : redo({ context, note, perform }, ...params)
      }
    }
  }
}

/** Whether a call's effect on the kernel is repeated in a replay. */
export function isRetraced(name: string): boolean {
  return Object.hasOwn(retraces, name)
}
