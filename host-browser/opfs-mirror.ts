import { SectionKind } from '../runtime/image/layout.ts'
import type { CheckpointInfo } from '../runtime/session/outcome.ts'
import type { MountContent } from '../runtime/session/session-files.ts'
import { readSection } from '../runtime/store/checkpoint-section.ts'
import type { Store } from '../runtime/store/store.ts'
import { sameBytes } from '../wasm-shim/bytes/arrays.ts'
import { decodeState } from '../wasm-shim/wasi/saved-state.ts'
import { type OpfsGrant, saveOpfs } from './opfs-mounts.ts'

/**
 * Directories of OPFS follow a session: they are made to hold what it has at each checkpoint that is in the store, and what
 * the program has left when it exits. A write that is under way when the page ends is made good by the next one.
 */
export class OpfsMirror {
  readonly #grants: readonly OpfsGrant[]
  readonly #store: Store
  readonly #onError: (error: Error) => void
  /** By grants, what was written last; a directory that is as it was is not looked at. */
  readonly #written = new Map<string, Uint8Array>()
  /** One after the other, so that what is older does not come last. */
  #work: Promise<void> = Promise.resolve()
  /** The newest checkpoint; those before it need not be written any more. */
  #newest = 0

  constructor(grants: readonly OpfsGrant[], store: Store, onError: (error: Error) => void) {
    this.#grants = grants
    this.#store = store
    this.#onError = onError
  }

  /** A checkpoint is in the store. */
  follow({ session, version }: CheckpointInfo): void {
    this.#newest = version
    this.#queue(async () => {
      if (version !== this.#newest) return
      // It may be gone again already.
      const kernel = await readSection(this.#store, session, version, SectionKind.kernel)
      if (kernel === undefined) return
      const { mounts } = decodeState(kernel)
      await this.#write(mounts.flatMap(({ guest, content }) => (content === null ? [] : [{ guest, content }])))
    })
  }

  /** Resolves when the directories hold this. */
  finish(contents: readonly MountContent[]): Promise<void> {
    this.#newest = Number.POSITIVE_INFINITY
    return this.#queue(() => this.#write(contents))
  }

  #queue(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch(this.#onError)
    return this.#work
  }

  async #write(contents: readonly MountContent[]): Promise<void> {
    const changed = contents.filter(({ guest, content }) => !isSame(this.#written.get(guest), content))
    await saveOpfs(this.#grants, changed)
    for (const { guest, content } of changed) this.#written.set(guest, content)
  }
}

const isSame = (before: Uint8Array | undefined, now: Uint8Array): boolean =>
  before !== undefined && sameBytes(before, now)
