/**
 * Where a session lies while it is received: below `incoming/<name>/`, a blob as a whole (`whole/...`), or only what follows
 * the first `at` bytes of the blob in use (`tail/<at>/...`). Nothing in use is touched before `putInPlace`, and what has
 * arrived stays for the next attempt.
 */
import { invariant } from '../../wasm-shim/errors.ts'
import { leaseName } from '../store/lease.ts'
import { readPieces } from '../store/session-log.ts'
import type { Store } from '../store/store.ts'
import { type Digest, digestBlob } from './blob-digest.ts'
import type { Blob } from './protocol.ts'
import { folderBlobs, isModule, storedName } from './session-blobs.ts'

/** One blob as far as it is here. */
export interface Staged {
  /** In use, with nothing to be added; or the part of it that stays when what is staged comes in place. */
  readonly kept: number
  /** Where the rest is; undefined where there is none. */
  readonly part: string | undefined
  readonly digest: Digest
}

export class Staging {
  readonly store: Store
  readonly session: string
  readonly #folder: string

  constructor(store: Store, session: string) {
    this.store = store
    this.session = session
    this.#folder = `incoming/${session}/`
  }

  wholePart(name: string): string {
    return `${this.#folder}whole/${plain(name)}`
  }

  tailPart(name: string, at: number): string {
    return `${this.#folder}tail/${at}/${plain(name)}`
  }

  /** What is here of these blobs: of each its staged beginning, else the one in use and its staged tail. */
  async find(blobs: readonly Blob[], known: ReadonlyMap<string, Staged>): Promise<ReadonlyMap<string, Staged>> {
    // The session's lock is held, and what this connection has received is as it left it.
    if (blobs.every(({ name, size }) => (known.get(name)?.digest.length ?? size + 1) <= size)) {
      return new Map(blobs.map(({ name }) => [name, known.get(name)!]))
    }
    const parts = sizes(await this.store.list(this.#folder))
    const live = sizes(await folderBlobs(this.store, this.session))
    for (const { name, size } of await this.store.list('modules/')) live.set(name, size)
    const found = new Map<string, Staged>()
    for (const { name, size } of blobs) {
      const staged = await this.#findOne(name, size, parts, live, known.get(name))
      if (staged !== undefined) found.set(name, staged)
    }
    return found
  }

  async #findOne(
    name: string,
    size: number,
    parts: ReadonlyMap<string, number>,
    live: ReadonlyMap<string, number>,
    known: Staged | undefined,
  ): Promise<Staged | undefined> {
    // What this connection has received is as it left it: the session's lock is held.
    if (known !== undefined && known.digest.length <= size) return known
    const whole = this.wholePart(name)
    const begun = parts.get(whole)
    if (begun !== undefined && begun <= size) {
      return { kept: 0, part: whole, digest: await digestBlob(this.store, whole, begun) }
    }
    const used = live.get(name)
    if (used === undefined || used > size || (isModule(name) && used !== size)) return undefined
    const digest = await digestBlob(this.store, storedName(this.session, name), used)
    const tail = this.tailPart(name, used)
    const more = parts.get(tail)
    if (more === undefined || used + more > size) return { kept: used, part: undefined, digest }
    for await (const piece of readPieces(this.store, tail)) digest.update(piece)
    return { kept: used, part: tail, digest }
  }

  /** Puts the session's blobs in place, and removes those that it has no more. May be done again where it was cut short. */
  async putInPlace(blobs: readonly Blob[], staged: ReadonlyMap<string, Staged>): Promise<void> {
    // Logs last: who follows one finds the chunks that it names.
    const isLog = ({ name }: Blob) => Number(name.endsWith('.log'))
    for (const { name } of [...blobs].sort((a, b) => isLog(a) - isLog(b))) {
      const { kept, part } = staged.get(name)!
      if (part === undefined) continue
      const target = storedName(this.session, name)
      if (part === this.wholePart(name)) {
        const isThere = await this.store.rename(part, target)
        invariant(isThere, `${part}, which was received, is there`)
      } else await this.#append(part, target, kept)
    }
    const wanted = new Set(blobs.map(({ name }) => storedName(this.session, name)))
    for (const { name } of await folderBlobs(this.store, this.session)) {
      const stored = storedName(this.session, name)
      if (!wanted.has(stored) && stored !== leaseName(this.session)) await this.store.delete(stored)
    }
    await this.clear()
  }

  /** Forgets what has arrived. */
  async clear(): Promise<void> {
    for (const { name } of await this.store.list(this.#folder)) await this.store.delete(name)
  }

  async #append(part: string, target: string, kept: number): Promise<void> {
    let at = kept
    for await (const piece of readPieces(this.store, part)) {
      await this.store.append(target, at, [piece])
      at += piece.length
    }
    await this.store.delete(part)
  }
}

/** Removes what was received and not finished, of which no part was written since `before`, in milliseconds. */
export async function removeAbandoned(store: Store, before: number): Promise<void> {
  const parts = await store.list('incoming/')
  const sessionOf = (name: string) => name.split('/')[1]
  const fresh = new Set(parts.filter(({ modified = before }) => modified >= before).map(({ name }) => sessionOf(name)))
  for (const { name } of parts) if (!fresh.has(sessionOf(name))) await store.delete(name)
}

/** A name of the protocol as a part of a blob's name. */
const plain = (name: string): string => (name.startsWith('@/') ? `own/${name.slice(2)}` : name)

const sizes = (blobs: readonly Blob[]): Map<string, number> => new Map(blobs.map(({ name, size }) => [name, size]))
