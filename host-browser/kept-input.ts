import { readHead } from '../runtime/image/head.ts'
import { SectionKind } from '../runtime/image/layout.ts'
import { loadTyped, saveTyped, type TypedInput, typedBehind, typedBlob } from '../runtime/store/typed-input.ts'
import { concat } from '../wasm-shim/bytes/arrays.ts'
import { type RoomOptions, untilRoom } from './until-room.ts'

/** Checkpoints that a session may be gone on from: the newest, and the one before for the case that it is damaged. */
const marksKept = 2
/** Bytes. More is only there where a program does not read what was pasted. */
const mostKept = 1 << 20

export interface KeptInputOptions extends RoomOptions {
  readonly session: string
  /** Identity of the run, a UUID. */
  readonly id: string
  /** The checkpoint that it begins at; absent at the program's beginning. */
  readonly image?: Uint8Array
}

/**
 * What a person has typed goes to the store before the program is given it, so that a line which was not read yet when the
 * tab was closed is read afterwards (runtime/store/typed-input.ts). The store writes in order: where the log tells that
 * something was read, it is here.
 */
export class KeptInput {
  readonly #options: KeptInputOptions
  /** What was typed before this page, and is neither in the checkpoint nor known to be read. */
  readonly behind: Uint8Array
  #typed: TypedInput
  /** How many bytes came before the first one that was accepted here. */
  readonly #origin: number
  #last: Promise<unknown> = Promise.resolve()
  #isOver = false

  static async open(options: KeptInputOptions): Promise<KeptInput> {
    const found = await loadTyped(options.store, options.session)
    return new KeptInput(options, found?.id === options.id ? found : undefined)
  }

  private constructor(options: KeptInputOptions, found: TypedInput | undefined) {
    this.#options = options
    const { calls, carried } = options.image === undefined ? { calls: 0, carried: 0 } : carriedBy(options.image)
    const behind = found && typedBehind(found, calls, carried)
    if (found !== undefined && behind !== undefined) {
      this.behind = behind
      const end = found.from + found.bytes.length
      const { read } = found.marks.findLast((mark) => mark.calls === calls)!
      this.#origin = Math.max(end, read + carried)
      // A checkpoint that stopped the session carries what was not in the store yet, too.
      this.#typed = this.#origin === end ? found : { ...found, from: this.#origin, bytes: nothing }
    } else {
      this.behind = nothing
      this.#origin = carried
      this.#typed = { id: options.id, from: carried, bytes: nothing, marks: [{ calls, read: 0 }] }
    }
  }

  /** Resolves when the bytes are in the store. */
  accept(bytes: Uint8Array): Promise<void> {
    this.#typed = { ...this.#typed, bytes: concat([this.#typed.bytes, bytes]) }
    return this.#save()
  }

  /**
   * A checkpoint is going to be saved before which `calls` calls were made. Of what it was given here the program has `read`
   * so many bytes, less than none where it has not read all of what was there before; it carries `carried` unread ones.
   */
  async noteCheckpoint(calls: number, read: number, carried: number): Promise<void> {
    const mark = { calls, read: this.#origin + read }
    const marks = [...this.#typed.marks.filter((other) => other.calls !== calls), mark].slice(-marksKept)
    const { from, bytes } = this.#typed
    const end = from + bytes.length
    const first = Math.min(end, Math.max(Math.min(...marks.map((each) => each.read)), end - mostKept, from))
    this.#typed = { ...this.#typed, marks, from: first, bytes: bytes.slice(first - from) }
    // All else is in the image.
    if (mark.read + carried < end) await this.#save()
  }

  /** The session has ended, or its checkpoint carries everything. */
  async forget(): Promise<void> {
    this.#isOver = true
    await this.#last
    const { store, session } = this.#options
    await store.delete(typedBlob(session)).catch(() => false)
  }

  /** At once: a log that is written later must not be there before. */
  async #save(): Promise<void> {
    const { store, session } = this.#options
    const isOver = () => this.#isOver || this.#options.isOver()
    if (isOver()) return
    // A later try writes what is known then.
    const writing = untilRoom(() => saveTyped(store, session, this.#typed), { ...this.#options, isOver })
    this.#last = Promise.allSettled([this.#last, writing])
    return writing
  }
}

const nothing: Uint8Array = new Uint8Array(0)

/** What an image says of its input. */
function carriedBy(image: Uint8Array): { readonly calls: number; readonly carried: number } {
  const { manifest, sections } = readHead(image)
  const section = sections.find(({ kind }) => kind === SectionKind.input)
  return { calls: manifest.calls, carried: section?.rawLength ?? 0 }
}
