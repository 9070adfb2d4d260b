import { createStore, type UseStore } from 'idb-keyval'
import { checkSessionName } from '../runtime/store/address.ts'
import { checkAppend, checkBlobName } from '../runtime/store/blob-name.ts'
import type { BlobInfo, ByteRange, LockOwner, SessionLock, Store } from '../runtime/store/store.ts'
import { toPieces } from '../wasm-shim/bytes/pieces.ts'
import { isStasisError } from '../wasm-shim/errors.ts'
import {
  abort,
  ask,
  type BlobRecord,
  cut,
  findRecord,
  finished,
  pieceAt,
  piecesOf,
  remove,
  takeId,
} from './blob-records.ts'
import { Fences, raiseFence } from './fences.ts'
import { asStasisError, busy, lostPieces, nameOf, stuck, unknownOwner } from './store-errors.ts'
import { hold, inProcessLocks, steal, type WebLocks } from './web-locks.ts'

/**
 * Blobs in one object store of an IndexedDB database. Its keys:
 *
 *     "<blob's name>"   a `BlobRecord`
 *     [id, offset]      a piece of the blob with that id, a Uint8Array; pieces follow each other without gaps
 *     0                 the next id
 *     ["fence", name]   how often a session was taken over (fences.ts)
 *
 * So appending adds pieces, renaming touches records only, and reading a range reads the pieces that it touches. Every
 * change is one transaction.
 */
export interface IndexedDbOptions {
  /** Default: `navigator.locks`, and where there is none, locks that hold within this page only. */
  readonly locks?: WebLocks
  /** Default: a number of this page's own. */
  readonly pid?: number
}

/** Bytes: what a ranged read may read too much. */
const maxPiece = 1 << 20
/** Behind all names that begin with a prefix: names are ASCII. */
const behind = '\uffff'
const objectStore = 'blobs'

/** When there was no room Firefox lets the next transaction remove things only, and the one after it do all again. */
const afterNoRoom = 'InvalidStateError'
/** Also to remove takes some room at first; of the transaction after that it takes none. */
const whatFirefoxAllows = [afterNoRoom, 'QuotaExceededError']

export class IndexedDbStore implements Store {
  readonly url: string
  readonly #use: UseStore
  readonly #locks: WebLocks
  readonly #owner: Omit<LockOwner, 'since'>
  readonly #prefix: string
  readonly #fences = new Fences()
  /** Nobody outside of this page is kept away by locks. */
  readonly #isAlone: boolean

  constructor(database: string, options: IndexedDbOptions = {}) {
    this.url = `indexeddb:${database}`
    this.#use = createStore(`stasis:${database}`, objectStore)
    const locks = options.locks ?? globalThis.navigator?.locks
    this.#isAlone = locks === undefined
    this.#locks = locks ?? inProcessLocks()
    const [pid = 0] = crypto.getRandomValues(new Uint32Array(1))
    this.#owner = { pid: options.pid ?? pid >>> 1, host: globalThis.location?.host ?? '' }
    this.#prefix = `${this.url}/`
  }

  async list(prefix: string): Promise<readonly BlobInfo[]> {
    const range = IDBKeyRange.bound(prefix, prefix + behind)
    const [names, records] = await this.#read((store) =>
      Promise.all([ask<IDBValidKey[]>(store.getAllKeys(range)), ask<BlobRecord[]>(store.getAll(range))]),
    )
    return names.map((name, i) => ({ name: String(name), size: records[i]!.size, modified: records[i]!.modified }))
  }

  async get(name: string, range: ByteRange = { end: Number.POSITIVE_INFINITY }): Promise<Uint8Array | undefined> {
    checkBlobName(name)
    return this.#read(async (store) => {
      const record = await findRecord(store, name)
      if (record === undefined) return undefined
      const start = Math.min(range.start ?? 0, record.size)
      const end = Math.max(start, Math.min(range.end, record.size))
      const bytes = new Uint8Array(end - start)
      if (end === start) return bytes
      let at = await pieceAt(store, record.id, start)
      for (const piece of await ask<Uint8Array[]>(store.getAll(piecesOf(record.id, at, end)))) {
        bytes.set(piece.subarray(Math.max(0, start - at), Math.max(0, end - at)), Math.max(0, at - start))
        at += piece.length
      }
      if (at < end) throw lostPieces(name, at, record.size)
      return bytes
    })
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    checkBlobName(name)
    await this.#write(name, async (store) => {
      await remove(store, name)
      await this.#extend(store, name, { id: await takeId(store), size: 0 }, parts)
    })
  }

  async append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    checkBlobName(name)
    await this.#write(name, async (store) => {
      const record = await findRecord(store, name)
      checkAppend(name, at, record?.size ?? 0)
      const id = record?.id ?? (await takeId(store))
      if (record !== undefined && at < record.size) await cut(store, id, at)
      await this.#extend(store, name, { id, size: at }, parts)
    })
  }

  async rename(from: string, to: string): Promise<boolean> {
    checkBlobName(from)
    checkBlobName(to)
    return this.#write(from, async (store) => {
      const record = await findRecord(store, from)
      if (record === undefined || from === to) return record !== undefined
      await remove(store, to)
      store.put(record, to)
      store.delete(from)
      return true
    })
  }

  async delete(name: string): Promise<boolean> {
    checkBlobName(name)
    return this.#write(name, (store) => remove(store, name), whatFirefoxAllows)
  }

  /** Held until this page is closed, at the latest. */
  async lock(session: string): Promise<SessionLock> {
    const release = await hold(this.#locks, `${this.#prefix}lock/${checkSessionName(session)}`)
    if (release === undefined) throw busy(session, (await this.owners()).get(session))
    await this.#write('', async (store) => {
      // Where there are no locks between pages, the last one that comes has it.
      if (this.#isAlone) await raiseFence(store, session)
      await this.#fences.enter(store, session)
    }).catch(async (error) => {
      await release()
      throw error
    })
    // Who holds it is said by the name of a second lock, which ends with the page as well.
    const owner: LockOwner = { ...this.#owner, since: Date.now() }
    const forget = await hold(this.#locks, `${this.#prefix}owner/${session}/${JSON.stringify(owner)}`)
    return {
      release: async () => {
        this.#fences.leave(session)
        await forget?.()
        await release()
      },
    }
  }

  /**
   * Takes a session's lock from a page that does not answer, and leaves it free: what that page does to the session from now on
   * is refused with STASIS_SESSION_TAKEN. Throws STASIS_SESSION_STUCK where that page keeps the database as well.
   */
  async takeOver(session: string): Promise<void> {
    const { held = [] } = await this.#locks.query()
    const isIts = (name: string) => lockPattern.exec(name.slice(this.#prefix.length))?.[2] === session
    const names = held.flatMap(({ name = '' }) => (name.startsWith(this.#prefix) && isIts(name) ? [name] : []))
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(stuck(session)), takeOverPatience)
    })
    await Promise.race([this.#write('', (store) => raiseFence(store, session)), patience])
    clearTimeout(timer)
    for (const name of names) await steal(this.#locks, name)
  }

  async owners(): Promise<ReadonlyMap<string, LockOwner>> {
    const { held = [] } = await this.#locks.query()
    const owners = new Map<string, LockOwner>()
    for (const { name = '' } of held) {
      if (!name.startsWith(this.#prefix)) continue
      const [, kind, session = '', text = '{}'] = lockPattern.exec(name.slice(this.#prefix.length)) ?? []
      if (kind === 'lock' && !owners.has(session)) owners.set(session, unknownOwner)
      if (kind === 'owner') owners.set(session, { ...unknownOwner, ...JSON.parse(text) })
    }
    return owners
  }

  locate(name: string): string {
    return `${this.#prefix}${checkBlobName(name)}`
  }

  async #extend(
    store: IDBObjectStore,
    name: string,
    { id, size }: Omit<BlobRecord, 'modified'>,
    parts: readonly Uint8Array[],
  ): Promise<void> {
    let at = size
    for (const piece of toPieces(parts, maxPiece)) {
      store.put(piece, [id, at])
      at += piece.length
    }
    store.put({ id, size: at, modified: Date.now() } satisfies BlobRecord, name)
  }

  async #read<T>(look: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    return this.#use('readonly', look).catch((error: unknown) => {
      throw asStasisError(this.url, error)
    })
  }

  /** Resolves when it is on the disk; where it does not come so far, nothing has changed. */
  async #write<T>(
    blob: string,
    wanted: (store: IDBObjectStore) => Promise<T>,
    tryAgain: readonly string[] = [afterNoRoom],
  ): Promise<T> {
    const change = async (store: IDBObjectStore) => {
      await this.#fences.check(store, blob)
      return wanted(store)
    }
    try {
      return await this.#change(change).catch((error: unknown) => {
        if (tryAgain.includes(nameOf(error))) return this.#change(change)
        throw error
      })
    } catch (error) {
      throw asStasisError(this.url, error)
    }
  }

  #change<T>(change: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    return this.#use('readonly', ({ transaction }) => {
      // By itself idb-keyval does not wait for the disk, in Chromium and Firefox.
      const own = transaction.db.transaction(objectStore, 'readwrite', { durability: 'strict' })
      const done = finished(own)
      return change(own.objectStore(objectStore)).then(
        (result) => done.then(() => result),
        (error) => {
          abort(own)
          // What ended the transaction says more than a request that ended with it.
          return done.then(
            () => Promise.reject(error),
            (cause) => Promise.reject(isStasisError(error) ? error : (cause ?? error)),
          )
        },
      )
    })
  }
}

/** Milliseconds for which a transaction of the page that is taken from is waited for. */
const takeOverPatience = 5000

/** Names of locks, behind the store's prefix. */
const lockPattern = /^(lock|owner)\/([^/]+)(?:\/(.*))?$/
