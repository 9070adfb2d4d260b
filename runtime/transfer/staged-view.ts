import { invariant } from '../../wasm-shim/errors.ts'
import { sessionFolder } from '../store/session-log.ts'
import type { BlobInfo, ByteRange, LockOwner, SessionLock, Store } from '../store/store.ts'
import type { Blob } from './protocol.ts'
import { storedName } from './session-blobs.ts'
import type { Staged, Staging } from './staging.ts'

/** The session as it will be once everything that was received is in place: to be read and checked, not written. */
export class StagedView implements Store {
  readonly url: string
  readonly #staging: Staging
  readonly #entries: ReadonlyMap<string, { readonly blob: Blob; readonly staged: Staged }>

  constructor(staging: Staging, blobs: readonly Blob[], staged: ReadonlyMap<string, Staged>) {
    this.url = staging.store.url
    this.#staging = staging
    this.#entries = new Map(
      blobs.map((blob) => [storedName(staging.session, blob.name), { blob, staged: staged.get(blob.name)! }]),
    )
  }

  async list(prefix: string): Promise<readonly BlobInfo[]> {
    const own = [...this.#entries].map(([name, { blob }]) => ({ name, size: blob.size }))
    // Of other sessions nothing is seen; modules may be here already.
    const others = prefix.startsWith('modules/') ? await this.#staging.store.list(prefix) : []
    return [...own, ...others.filter(({ name }) => !this.#entries.has(name))]
      .filter(({ name }) => name.startsWith(prefix))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async get(name: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    const { store, session } = this.#staging
    const entry = this.#entries.get(name)
    if (entry === undefined) return name.startsWith(sessionFolder(session)) ? undefined : store.get(name, range)
    const { part, kept } = entry.staged
    if (part === undefined) return store.get(name, range)
    const start = Math.min(range?.start ?? 0, entry.blob.size)
    const end = Math.max(start, Math.min(range?.end ?? entry.blob.size, entry.blob.size))
    const bytes = new Uint8Array(end - start)
    if (start < kept) bytes.set((await store.get(name, { start, end: Math.min(end, kept) })) ?? new Uint8Array(0))
    const from = Math.max(start, kept)
    if (end > from) {
      const rest = await store.get(part, { start: from - kept, end: end - kept })
      bytes.set(rest ?? new Uint8Array(0), from - start)
    }
    return bytes
  }

  locate(name: string): string {
    return `what was received for ${name}`
  }

  put(): Promise<void> {
    return refuse()
  }

  append(): Promise<void> {
    return refuse()
  }

  delete(): Promise<boolean> {
    return refuse()
  }

  rename(): Promise<boolean> {
    return refuse()
  }

  lock(): Promise<SessionLock> {
    return refuse()
  }

  async owners(): Promise<ReadonlyMap<string, LockOwner>> {
    return new Map()
  }
}

async function refuse(): Promise<never> {
  invariant(false, 'what was received is only read before it is in place')
}
