import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { PlaceOf } from '../../runtime/log/storage.ts'
import { checkSessionName } from '../../runtime/store/address.ts'
import { checkAppend, checkBlobName, sessionBusy } from '../../runtime/store/blob-name.ts'
import type { BlobInfo, ByteRange, LockOwner, SessionLock, Store } from '../../runtime/store/store.ts'
import '../compression.ts'
import { isLiveOwner, ownIdentity, parseIdentity } from '../process-identity.ts'
import {
  type Blob,
  cutBlob,
  deleteBlob,
  extendBlob,
  findBlob,
  forgetBlob,
  listBlobs,
  nameBlob,
  readBlob,
  stageBlob,
} from './blobs.ts'
import { Database } from './database.ts'

/** Bytes written in one transaction: others, the guest's thread with its log among them, wait no longer than for that. */
const stepSize = 4 << 20

/**
 * Blobs in one SQLite database. The file is made by the first change and stays. SQLite's calls are synchronous; between
 * the steps of a large one other work gets its turn.
 */
export class SqliteStore implements Store {
  readonly url: string
  readonly #path: string
  #database: Database | undefined

  constructor(path: string) {
    this.url = `sqlite:${path}`
    this.#path = resolve(path)
  }

  async list(prefix: string): Promise<readonly BlobInfo[]> {
    return this.#read([], (database) => listBlobs(database, prefix))
  }

  async get(name: string, range: ByteRange = { end: Number.POSITIVE_INFINITY }): Promise<Uint8Array | undefined> {
    checkBlobName(name)
    return this.#read(undefined, (database) => readBlob(database, name, range))
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    checkBlobName(name)
    const database = this.#open()
    let staged: Blob | undefined
    try {
      for (const { bytes, isLast } of toSteps(parts)) {
        const before = staged
        staged = this.#step(database, isLast, () => {
          const blob = before ?? stageBlob(database, JSON.stringify(ownIdentity()))
          const extended = bytes.reduce((sofar, part) => extendBlob(database, sofar, part), blob)
          if (isLast) nameBlob(database, blob.id, name)
          return extended
        })
        if (!isLast) await turn()
      }
    } catch (error) {
      const { id } = staged ?? {}
      if (id !== undefined) database.change(() => forgetBlob(database, id))
      throw error
    }
  }

  async append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    checkBlobName(name)
    const database = this.#open()
    let place = at
    for (const { bytes, isLast } of toSteps(parts)) {
      this.#step(database, isLast, () => {
        let blob = findBlob(database, name)
        checkAppend(name, place, blob?.size ?? 0)
        if (blob === undefined) {
          blob = stageBlob(database, '')
          nameBlob(database, blob.id, name)
        }
        place = bytes.reduce((sofar, part) => extendBlob(database, sofar, part), cutBlob(database, blob, place)).size
      })
      if (!isLast) await turn()
    }
  }

  async rename(from: string, to: string): Promise<boolean> {
    checkBlobName(from)
    checkBlobName(to)
    return this.#change(false, (database) => {
      const blob = findBlob(database, from)
      if (blob !== undefined && from !== to) nameBlob(database, blob.id, to)
      return blob !== undefined
    })
  }

  async delete(name: string): Promise<boolean> {
    checkBlobName(name)
    return this.#change(false, (database) => deleteBlob(database, name))
  }

  async lock(session: string): Promise<SessionLock> {
    checkSessionName(session)
    const database = this.#open()
    const token = randomUUID()
    database.change(() => {
      const row = database.sql('SELECT owner FROM locks WHERE session = ?').get(session)
      const owner = row === undefined ? undefined : parseIdentity(String(row.owner))
      if (owner !== undefined && isLiveOwner(owner)) throw sessionBusy(session, owner)
      database
        .sql('REPLACE INTO locks (session, token, owner) VALUES (?, ?, ?)')
        .run(session, token, JSON.stringify(ownIdentity()))
      removeAbandoned(database)
    })
    return {
      release: async () => {
        database.change(() => database.sql('DELETE FROM locks WHERE session = ? AND token = ?').run(session, token))
      },
    }
  }

  async owners(): Promise<ReadonlyMap<string, LockOwner>> {
    const rows = this.#read([], (database) => database.sql('SELECT session, owner FROM locks').all())
    return new Map(
      rows.flatMap(({ session, owner }) => {
        const identity = parseIdentity(String(owner))
        if (identity === undefined || !isLiveOwner(identity)) return []
        const { pid, host, since } = identity
        return [[String(session), { pid, host, since }] as const]
      }),
    )
  }

  logPlace(session: string): PlaceOf<'sqlite'> {
    return { kind: 'sqlite', path: this.#path, session: checkSessionName(session) }
  }

  locate(name: string): string {
    return `${this.url}#${checkBlobName(name)}`
  }

  /** Closes the file; it is opened again when it is needed. */
  close(): void {
    this.#database?.close()
    this.#database = undefined
  }

  #open(): Database {
    this.#database ??= Database.open(this.#path, true, 'full')
    return this.#database as Database
  }

  #read<T>(empty: T, look: (database: Database) => T): T {
    this.#database ??= Database.open(this.#path, false, 'full')
    const database = this.#database
    return database === undefined ? empty : database.read(() => look(database))
  }

  #change<T>(empty: T, make: (database: Database) => T): T {
    this.#database ??= Database.open(this.#path, false, 'full')
    const database = this.#database
    return database === undefined ? empty : database.change(() => make(database))
  }

  /** Only the last step's commit waits for the disk, with all before it: what is on the disk is in the order of commits. */
  #step<T>(database: Database, isLast: boolean, make: () => T): T {
    if (isLast) return database.change(make)
    database.synchronous('system')
    try {
      return database.change(make)
    } finally {
      database.synchronous('full')
    }
  }
}

/** What processes have left that died while they wrote. */
function removeAbandoned(database: Database): void {
  for (const { id, writer } of database.sql('SELECT id, writer FROM blobs WHERE name IS NULL').all()) {
    const owner = parseIdentity(String(writer))
    if (owner === undefined || !isLiveOwner(owner)) forgetBlob(database, Number(id))
  }
}

/** The parts, divided so that no step has more than `stepSize` bytes; one at least. */
function* toSteps(parts: readonly Uint8Array[]): Generator<{ bytes: Uint8Array[]; isLast: boolean }> {
  let bytes: Uint8Array[] = []
  let size = 0
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      if (size === stepSize) {
        yield { bytes, isLast: false }
        bytes = []
        size = 0
      }
      const piece = part.subarray(at, at + stepSize - size)
      bytes.push(piece)
      size += piece.length
      at += piece.length
    }
  }
  yield { bytes, isLast: true }
}
