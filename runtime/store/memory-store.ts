import { concat } from '../../wasm-shim/bytes/arrays.ts'
import { checkAppend, checkBlobName, sessionBusy } from './blob-name.ts'
import type { BlobInfo, ByteRange, LockOwner, SessionLock, Store } from './store.ts'

/** Checkpoints that live as long as the process: for tests, and for hosts that have nowhere else to put them. */
export class MemoryStore implements Store {
  readonly url = 'memory:'
  readonly #blobs = new Map<string, Uint8Array>()
  readonly #locks = new Map<string, LockOwner>()

  async list(prefix: string): Promise<readonly BlobInfo[]> {
    const names = [...this.#blobs.keys()].filter((name) => name.startsWith(prefix)).sort()
    return names.map((name) => ({ name, size: this.#blobs.get(name)!.length }))
  }

  async get(name: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    return this.#blobs.get(checkBlobName(name))?.slice(range?.start, range?.end)
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    this.#blobs.set(checkBlobName(name), concat(parts))
  }

  async append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    const before = this.#blobs.get(checkBlobName(name)) ?? new Uint8Array(0)
    checkAppend(name, at, before.length)
    this.#blobs.set(name, concat([before.subarray(0, at), ...parts]))
  }

  async rename(from: string, to: string): Promise<boolean> {
    const bytes = this.#blobs.get(checkBlobName(from))
    if (bytes === undefined) return false
    this.#blobs.set(checkBlobName(to), bytes)
    if (from !== to) this.#blobs.delete(from)
    return true
  }

  async delete(name: string): Promise<boolean> {
    return this.#blobs.delete(checkBlobName(name))
  }

  async lock(session: string): Promise<SessionLock> {
    const held = this.#locks.get(session)
    if (held !== undefined) throw sessionBusy(session, held)
    // One process, one host: there is nobody else to tell them apart from.
    const owner: LockOwner = { pid: 0, host: '', since: 0 }
    this.#locks.set(session, owner)
    return {
      release: async () => {
        if (this.#locks.get(session) === owner) this.#locks.delete(session)
      },
    }
  }

  async owners(): Promise<ReadonlyMap<string, LockOwner>> {
    return new Map(this.#locks)
  }

  locate(name: string): string {
    return `${this.url}${name}`
  }
}
