import { neededChunks } from '../runtime/store/retention.ts'
import { chunkName, removedChunk, sessionFolder } from '../runtime/store/session-log.ts'
import type { Store } from '../runtime/store/store.ts'
import { fromHex } from '../wasm-shim/bytes/arrays.ts'
import type { FromWorker, TailSegment, WorkerSetup } from './worker-messages.ts'

const addressBytes = 32

/** A session's log in a store, as the page writes it for its guest's worker; blobs as in the directory store. */
export class StoredLog {
  readonly #store: Store
  readonly #session: string
  /** The chunks that the segment needs that was written to last. */
  #needed: { readonly segment: string; readonly addresses: Set<string>; bytes: number } | undefined

  constructor(store: Store, session: string) {
    this.#store = store
    this.#session = session
  }

  append(segment: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    return this.#store.append(this.#name(segment), at, parts)
  }

  /** What stands behind the segment's first `bytes` is no part of the log any more, and kept beside it. */
  async open({ segment, bytes }: FromWorker['logOpen']): Promise<void> {
    const rest = await this.#store.get(this.#name(segment), { start: bytes, end: Number.MAX_SAFE_INTEGER })
    if (rest === undefined || rest.length === 0) return
    await this.#store.put(await this.#freeName(segment), [rest])
    await this.#store.append(this.#name(segment), bytes, [])
  }

  async setAside(segment: string): Promise<void> {
    const [blob] = (await this.#store.list(this.#name(segment))).filter(({ name }) => name === this.#name(segment))
    if (blob === undefined) return
    if (blob.size === 0) await this.#store.delete(blob.name)
    else await this.#store.rename(blob.name, await this.#freeName(segment))
  }

  async chunk({ segment, address, bytes }: FromWorker['logChunk']): Promise<void> {
    const needed = await this.#neededBy(segment)
    if (!needed.addresses.has(address)) {
      // First, so that whoever removes chunks at this moment knows that this one is needed (runtime/store/retention.ts).
      await this.#store.append(`${this.#name(segment)}.chunks`, needed.bytes, [fromHex(address)])
      needed.addresses.add(address)
      needed.bytes += addressBytes
    }
    const name = chunkName(this.#session, address)
    if ((await this.#store.get(name, { start: 0, end: 1 })) === undefined) await this.#store.put(name, [bytes])
  }

  async #neededBy(segment: string) {
    if (this.#needed?.segment !== segment) {
      const addresses = await neededChunks(this.#store, this.#name(segment))
      const bytes = addresses.length * addressBytes
      this.#needed = { segment, addresses: new Set(addresses), bytes }
    }
    return this.#needed!
  }

  async #freeName(segment: string): Promise<string> {
    const name = `${this.#name(segment)}.lost`
    const taken = new Set((await this.#store.list(name)).map((blob) => blob.name))
    for (let number = 1; ; number++) {
      const free = number === 1 ? name : `${name}-${number}`
      if (!taken.has(free)) return free
    }
  }

  #name(segment: string): string {
    return sessionFolder(this.#session) + segment
  }
}

/** Everything of a session's log that is to be replayed. */
export async function loadTail(
  store: Store,
  session: string,
  tail: readonly { readonly name: string }[],
): Promise<Pick<WorkerSetup, 'tail' | 'chunks'>> {
  const segments: TailSegment[] = []
  const chunks = new Map<string, Uint8Array>()
  for (const { name } of tail) {
    const blob = sessionFolder(session) + name
    const bytes = await store.get(blob)
    if (bytes !== undefined) segments.push({ name, bytes })
    for (const address of await neededChunks(store, blob)) {
      const place = chunkName(session, address)
      // Whose page was closed while it removed chunks may have left a needed one under its other name.
      const chunk = chunks.get(address) ?? (await store.get(place)) ?? (await store.get(removedChunk(place)))
      if (chunk !== undefined) chunks.set(address, chunk)
    }
  }
  return { tail: segments, chunks: [...chunks].map(([address, bytes]) => ({ address, bytes })) }
}
