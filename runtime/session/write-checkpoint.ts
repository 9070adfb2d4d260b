import { concat } from '../../wasm-shim/bytes/arrays.ts'
import { prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { type Body, encodeHeadInSlices, packTerminal } from '../image/encode.ts'
import type { Manifest } from '../image/manifest.ts'
import { keepCheckpoint, saveModule } from '../store/checkpoints.ts'
import type { KeptVersion } from '../store/session-versions/save-version.ts'
import { ContentKeeper } from './carried-contents.ts'
import type { CheckpointOptions } from './checkpoint-requests.ts'
import type { Captured } from './messages.ts'
import type { CheckpointInfo } from './outcome.ts'
import type { SessionParts } from './parts.ts'

/**
 * Bytes of a checkpoint that stays in memory to be compared with the next one. A session takes the guest's memory, twice this
 * while a checkpoint is saved, and once between two; of larger ones each is read from the store again, where its
 * checksums say that it is the same.
 */
const maxKept = 2 ** 29

/** Checkpoints that are none of the program's history, or there for a while only. */
const unlabelled: ReadonlySet<string> = new Set(['keyframe', 'fork', 'replay'])

/** A capture, and its files' contents. */
export interface Taken {
  readonly captured: Captured
  readonly bodies: (pause: () => Promise<void>) => Promise<readonly Body[]>
}

/** Stores what the guest's thread captures: everything that needs not happen while the guest stands still. */
export class CheckpointWriter {
  readonly #parts: SessionParts
  readonly #contents = new ContentKeeper()
  #kept: { readonly version: KeptVersion; readonly body: ArrayBufferLike } | undefined

  /** Serial of the label that a checkpoint of this run bears. */
  #usedLabel = -1

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** Takes over what the guest's thread has sent. Has to be called for each capture, in order; then `write`, if at all. */
  take(captured: Captured): Taken {
    const { contents } = captured
    // Without contents it says nothing of those that are known.
    return { captured, bodies: contents === undefined ? async () => [] : this.#contents.take(contents) }
  }

  /**
   * Makes an image of what was captured, and stores it as the session's next version. `taken` is the input that was taken from
   * stdin and not read. `free` is memory for later checkpoints.
   */
  async write(
    { captured, bodies }: Taken,
    taken: Uint8Array,
    options: CheckpointOptions,
  ): Promise<{ readonly info: CheckpointInfo; readonly free: ArrayBufferLike | undefined }> {
    const { name, store, module, pause = async () => {}, equal } = this.#parts
    const manifest = this.#manifest(captured, this.#labelled(captured, options))
    const body = { bytes: captured.body, sections: captured.sections }
    const terminal = packTerminal(concat([captured.input.first, taken]), captured.screen)
    const contents = await bodies(pause)
    const head = await encodeHeadInSlices(manifest, [body, ...contents, terminal], pause)
    const parts = [head, body.bytes, ...contents.map(({ bytes }) => bytes), terminal.bytes]
    await saveModule(store, module.sha256, module.bytes)
    const before = this.#kept?.version
    const { version, added, kept } = await keepCheckpoint(store, name, parts, {
      before,
      pause,
      ...(equal && { equal }),
    })
    // Again: whoever removed the last other user of the module meanwhile did not see our checkpoint yet.
    await saveModule(store, module.sha256, module.bytes)
    const size = parts.reduce((sum, part) => sum + part.length, 0)
    const { cause, label, time, calls } = manifest
    const info = { session: name, version, cause, ...(label !== undefined && { label }), time, calls, size, added }
    return { info: { ...info, pause: captured.pause / 1e6 }, free: this.#keep(kept, captured) }
  }

  /** The program's own label goes to its next checkpoint that has no other one. */
  #labelled({ label, cause }: Captured, options: CheckpointOptions): CheckpointOptions {
    if (label === undefined || label.serial <= this.#usedLabel) return options
    if (options.label !== undefined || unlabelled.has(options.cause ?? cause)) return options
    this.#usedLabel = label.serial
    return { ...options, label: label.text }
  }

  #manifest({ cause, calls, instances, stacks }: Captured, options: CheckpointOptions): Manifest {
    const { name, id, module, polls, now } = this.#parts
    return {
      session: { name, id },
      cause: options.cause ?? cause,
      ...(options.label !== undefined && { label: options.label }),
      time: Math.trunc(now()),
      module: { sha256: module.sha256, size: module.bytes.length, name: module.name },
      prelink: { version: prelinkVersion, polls },
      ...{ calls, instances, stacks },
    }
  }

  #keep(version: KeptVersion | undefined, { body, stop }: Captured): ArrayBufferLike | undefined {
    const before = this.#kept?.body
    if (version === undefined || stop || body.length > maxKept) {
      this.#kept = undefined
      return body.buffer
    }
    this.#kept = { version, body: body.buffer }
    return before
  }
}
