import { createStore, promisifyRequest, type UseStore } from 'idb-keyval'
import { checkSessionName } from '../runtime/store/address.ts'
import { checkAppend, checkBlobName } from '../runtime/store/blob-name.ts'
import type { BlobInfo, ByteRange, LockOwner, SessionLock, Store } from '../runtime/store/store.ts'
import { isStasisError, StasisError } from '../wasm-shim/errors.ts'
import { toPieces } from './pieces.ts'
import { hold, inProcessLocks, type WebLocks } from './web-locks.ts'

/**
 * Blobs in one object store of an IndexedDB database. Its keys:
 *
 *     "<blob's name>"   a `BlobRecord`
 *     [id, offset]      a piece of the blob with that id, a Uint8Array; pieces follow each other without gaps
 *     0                 the next id
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

interface BlobRecord {
  readonly id: number
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
}

const nextIdKey = 0
/** Behind all names that begin with a prefix: names are ASCII. */
const behind = '\uffff'
const objectStore = 'blobs'

export class IndexedDbStore implements Store {
  readonly url: string
  readonly #use: UseStore
  readonly #locks: WebLocks
  readonly #owner: Omit<LockOwner, 'since'>
  readonly #prefix: string

  constructor(database: string, options: IndexedDbOptions = {}) {
    this.url = `indexeddb:${database}`
    this.#use = createStore(`stasis:${database}`, objectStore)
    this.#locks = options.locks ?? globalThis.navigator?.locks ?? inProcessLocks()
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
    await this.#write(async (store) => {
      await remove(store, name)
      await this.#extend(store, name, { id: await takeId(store), size: 0 }, parts)
    })
  }

  async append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    checkBlobName(name)
    await this.#write(async (store) => {
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
    return this.#write(async (store) => {
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
    return this.#write((store) => remove(store, name))
  }

  /** Held until this page is closed, at the latest. */
  async lock(session: string): Promise<SessionLock> {
    const release = await hold(this.#locks, `${this.#prefix}lock/${checkSessionName(session)}`)
    if (release === undefined) throw busy(session, (await this.owners()).get(session))
    // Who holds it is said by the name of a second lock, which ends with the page as well.
    const owner: LockOwner = { ...this.#owner, since: Date.now() }
    const forget = await hold(this.#locks, `${this.#prefix}owner/${session}/${JSON.stringify(owner)}`)
    return {
      release: async () => {
        await forget?.()
        await release()
      },
    }
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
    for (const piece of toPieces(parts)) {
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
  async #write<T>(change: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    try {
      return await this.#change(change).catch((error: unknown) => {
        // When there was no room Firefox lets the next transaction remove things only, and the one after it do all again.
        if (nameOf(error) === 'InvalidStateError') return this.#change(change)
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

/** Names of locks, behind the store's prefix. */
const lockPattern = /^(lock|owner)\/([^/]+)(?:\/(.*))?$/
const unknownOwner: LockOwner = { pid: 0, host: '', since: 0 }

function ask<T>(request: IDBRequest<T>): Promise<T> {
  return promisifyRequest(request)
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It has ended already.
  }
}

async function findRecord(store: IDBObjectStore, name: string): Promise<BlobRecord | undefined> {
  return ask<BlobRecord | undefined>(store.get(name))
}

async function takeId(store: IDBObjectStore): Promise<number> {
  const id = (await ask<number | undefined>(store.get(nextIdKey))) ?? 1
  store.put(id + 1, nextIdKey)
  return id
}

async function remove(store: IDBObjectStore, name: string): Promise<boolean> {
  const record = await findRecord(store, name)
  if (record === undefined) return false
  store.delete(piecesOf(record.id, 0))
  store.delete(name)
  return true
}

function piecesOf(id: number, from: number, to = Number.POSITIVE_INFINITY): IDBKeyRange {
  return IDBKeyRange.bound([id, from], [id, to], false, true)
}

/** Offset of the piece that has the byte `at`. */
async function pieceAt(store: IDBObjectStore, id: number, at: number): Promise<number> {
  const cursor = await ask(store.openKeyCursor(IDBKeyRange.bound([id, 0], [id, at]), 'prev'))
  return cursor === null ? at : (cursor.key as [number, number])[1]
}

/** Removes what stands from `at` on. */
async function cut(store: IDBObjectStore, id: number, at: number): Promise<void> {
  const from = await pieceAt(store, id, at)
  if (from < at) {
    const piece = await ask<Uint8Array>(store.get([id, from]))
    store.put(piece.slice(0, at - from), [id, from])
  }
  store.delete(piecesOf(id, at))
}

function busy(session: string, { pid, host, since }: LockOwner = unknownOwner): StasisError {
  const when = since > 0 ? `, since ${new Date(since).toISOString()}` : ''
  const message = `The session ${session} is running in a page of this browser (number ${pid}${when}). Stop it there or close that page, or choose another name.`
  return new StasisError('STASIS_SESSION_BUSY', message, { session, pid, host })
}

function lostPieces(name: string, at: number, size: number): StasisError {
  const message = `${name} should have ${size} bytes, and those from ${at} on are not there. Restore an older version.`
  return new StasisError('STASIS_BLOB_DAMAGED', message, { blob: name, at, size })
}

const nameOf = (error: unknown): string => (error as { name?: string } | null)?.name ?? ''

function asStasisError(url: string, cause: unknown): StasisError {
  if (isStasisError(cause)) return cause as StasisError
  const name = nameOf(cause)
  const { message: reason = String(cause) } = (cause ?? {}) as { message?: string }
  if (name === 'QuotaExceededError') {
    const message = `${url} is full: the browser gives this page no more room. What was there before is intact. Remove sessions or old versions, free space on the disk, or let the page keep data for good (navigator.storage.persist()).`
    return new StasisError('STASIS_STORE_FULL', message, { url }, { cause })
  }
  const message = `${url} cannot be used: ${reason || name}. A private window, or settings that forbid pages to keep data, may be the reason.`
  return new StasisError('STASIS_STORE_FAILED', message, { url }, { cause })
}
