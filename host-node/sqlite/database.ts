import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { type Connection, connect, failureOf, type Statement } from './engine.ts'

/**
 * The tables of a store (docs/stores.md). A blob is a row of `blobs` and its bytes are rows of `pieces`, which follow each
 * other without gaps; a blob that is being written has no name yet, and says who writes it.
 */
const schema = `
  CREATE TABLE blobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, size INTEGER NOT NULL, modified INTEGER NOT NULL, writer TEXT
  );
  CREATE TABLE pieces (id INTEGER NOT NULL, at INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (id, at)) WITHOUT ROWID;
  CREATE TABLE locks (session TEXT PRIMARY KEY, token TEXT NOT NULL, owner TEXT NOT NULL);`

/** "STAS", in the file's header: not somebody else's database. */
const applicationId = 0x53544153
const schemaVersion = 1
/** Milliseconds that a change waits for the changes of others, each of which is a few megabytes at most. */
const busyTimeout = 15_000

/** Commits wait for the disk (`full`), or for the operating system only: then power loss may cost the newest ones. */
export type Durability = 'full' | 'system'

const open = new Set<Database>()
let isClosedAtExit = false

function closeAll(): void {
  for (const database of open) database.close()
}

/** One connection to a store's database. Errors of SQLite come out as StasisErrors that name the file. */
export class Database {
  readonly path: string
  readonly #connection: Connection
  readonly #statements = new Map<string, Statement>()
  #isInside = false

  /** Opens or, where `create` says so, makes it; undefined where there is none. */
  static open(path: string, create: boolean, durability: Durability): Database | undefined {
    // Not by SQLite, which would let others read it.
    if (create) makeFile(path)
    else if (!existsSync(path)) return undefined
    return new Database(path, durability)
  }

  private constructor(path: string, durability: Durability) {
    this.path = path
    this.#connection = this.named(() => connect(path))
    this.named(() => {
      this.#connection.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
      this.#prepareFile()
      this.synchronous(durability)
    })
    open.add(this)
    // With the last connection's end everything is in the one file.
    if (!isClosedAtExit) process.once('exit', closeAll)
    isClosedAtExit = true
  }

  synchronous(durability: Durability): void {
    this.named(() => this.#connection.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`))
  }

  /** A statement, prepared once. */
  sql(text: string): Statement {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#connection.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  /** Makes the changes in one transaction, all or none. Inside of another one, as a part of that. */
  change<T>(make: () => T): T {
    if (this.#isInside) return make()
    return this.named(() => {
      this.#connection.exec('BEGIN IMMEDIATE')
      this.#isInside = true
      try {
        const result = make()
        this.#connection.exec('COMMIT')
        return result
      } catch (error) {
        try {
          this.#connection.exec('ROLLBACK')
        } catch {
          // SQLite has done it by itself, as it does where the disk is full.
        }
        throw error
      } finally {
        this.#isInside = false
      }
    })
  }

  /** Several reads of one state. */
  read<T>(look: () => T): T {
    if (this.#isInside) return look()
    return this.named(() => {
      this.#connection.exec('BEGIN')
      try {
        return look()
      } finally {
        this.#connection.exec('COMMIT')
      }
    })
  }

  close(): void {
    if (!open.delete(this)) return
    try {
      this.#connection.close()
    } catch {
      // What is in the journal is found by whoever opens it next.
    }
  }

  /** Runs what SQLite does, and says which file its errors are about. */
  named<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw isStasisError(error) ? error : asStasisError(this.path, error)
    }
  }

  #prepareFile(): void {
    const pragma = (name: string) => Object.values(this.#connection.prepare(`PRAGMA ${name}`).get() ?? {})[0]
    if (pragma('application_id') !== applicationId) {
      this.change(() => {
        // Somebody else may have been quicker.
        if (pragma('application_id') === applicationId) return
        if (this.#connection.prepare('SELECT 1 FROM sqlite_master').get() !== undefined) throw foreign(this.path)
        this.#connection.exec(schema)
        this.#connection.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`)
      })
    }
    const version = pragma('user_version')
    if (version !== schemaVersion) throw newer(this.path, String(version))
    // Readers and the writer do not wait for each other, and a commit is one flush. It is a property of the file.
    if (pragma('journal_mode') !== 'wal') this.#connection.exec('PRAGMA journal_mode = WAL')
  }
}

function makeFile(path: string): void {
  if (existsSync(path)) return
  try {
    makeDirectory(dirname(path))
    closeSync(openSync(path, 'a', 0o600))
  } catch (cause) {
    throw asStasisError(path, cause)
  }
}

/** Not by Node's `recursive`, which never ends below /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  if (dirname(path) !== path) makeDirectory(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function foreign(path: string): StasisError {
  const message = `${path} is the SQLite database of another program. Give the store a file of its own.`
  return new StasisError('STASIS_STORE_FOREIGN', message, { path })
}

function newer(path: string, version: string): StasisError {
  const message = `${path} was made by another version of stasis (layout ${version}, this one knows ${schemaVersion}). Use that version, or another store.`
  return new StasisError('STASIS_STORE_VERSION', message, { path })
}

function asStasisError(path: string, cause: unknown): StasisError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const make = (code: string, message: string) => new StasisError(code, message, { path }, { cause })
  switch (failureOf(cause)) {
    case 'busy':
      return make(
        'STASIS_STORE_BUSY',
        `${path} was being changed by others for ${busyTimeout / 1000} seconds. Try again.`,
      )
    case 'full':
      return make('STASIS_STORE_FULL', `${path} cannot grow: ${reason}. What was there before is intact. Free space.`)
    case 'corrupt':
    case 'not-a-database':
      return make(
        'STASIS_STORE_DAMAGED',
        `${path} is damaged, or no SQLite database: ${reason}. Take a copy from a backup, or save what is left with "sqlite3 ${path} .recover".`,
      )
    case 'other':
      return make('STASIS_STORE_FAILED', `${path} cannot be used: ${reason}.`)
  }
}

export function damagedBlob(path: string, name: string): StasisError {
  const message = `${path} is damaged: pieces of ${name} are not there. Restore an older version, or take a copy of the file from a backup.`
  return new StasisError('STASIS_STORE_DAMAGED', message, { path, blob: name })
}
