import type { ChunkStore } from '../../runtime/log/chunks.ts'
import type { LogFile, LogOptions, LogStorage, PlaceOf } from '../../runtime/log/storage.ts'
import { chunkName, removedChunk, sessionFolder } from '../../runtime/store/session-log.ts'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { type Blob, cutBlob, extendBlob, findBlob, nameBlob, readBlob, stageBlob } from './blobs.ts'
import { Database } from './database.ts'

/** Bytes read at a time. */
const pieceSize = 1 << 18
/** Milliseconds until a full disk is tried again. */
const retryMilliseconds = 250
const addressBytes = 32

/**
 * A session's log as blobs of its store's database, by a connection of the guest's thread. Each block is one transaction,
 * which the operating system has when it is over; with `durable` the disk has it.
 */
export class SqliteLogStorage implements LogStorage {
  readonly chunks: ChunkStore
  readonly #database: Database
  readonly #session: string
  readonly #options: LogOptions
  #needed: { readonly addresses: Set<string>; readonly blob: BlobLog } | undefined

  constructor({ path, session }: PlaceOf<'sqlite'>, options: LogOptions = {}) {
    this.#database = Database.open(path, true, options.durable ? 'full' : 'system') as Database
    this.#session = session
    this.#options = options
    this.chunks = { put: (address, bytes) => this.#put(address, bytes), get: (address) => this.#get(address) }
  }

  *read(segment: string): Iterable<Uint8Array> {
    const name = this.#name(segment)
    for (let at = 0; ; ) {
      const start = at
      const piece = this.#database.read(() => readBlob(this.#database, name, { start, end: start + pieceSize }))
      if (piece === undefined || piece.length === 0) return
      yield piece
      at += piece.length
    }
  }

  open(segment: string, bytes: number): LogFile {
    const name = this.#name(segment)
    const beside = `${name}.chunks`
    if (bytes > 0) this.#setRestAside(name, bytes)
    const known = bytes > 0 ? this.#addresses(beside) : []
    const blob = new BlobLog(this.#database, beside, known.length * addressBytes, this.#options)
    this.#needed = { addresses: new Set(known), blob }
    return new BlobLog(this.#database, name, bytes, this.#options)
  }

  setAside(segment: string): void {
    const name = this.#name(segment)
    this.#database.change(() => {
      const blob = findBlob(this.#database, name)
      if (blob !== undefined) nameBlob(this.#database, blob.id, this.#freeName(name))
    })
  }

  #name(segment: string): string {
    return `${sessionFolder(this.#session)}${segment}`
  }

  #setRestAside(name: string, bytes: number): void {
    this.#database.change(() => {
      const rest = readBlob(this.#database, name, { start: bytes, end: Number.POSITIVE_INFINITY })
      if (rest === undefined || rest.length === 0) return
      const blob = stageBlob(this.#database, '')
      extendBlob(this.#database, blob, rest)
      nameBlob(this.#database, blob.id, this.#freeName(name))
    })
  }

  /** `<segment>.lost`, or with a number where there is one already. */
  #freeName(name: string): string {
    for (let number = 1; ; number++) {
      const free = number === 1 ? `${name}.lost` : `${name}.lost-${number}`
      if (findBlob(this.#database, free) === undefined) return free
    }
  }

  #addresses(beside: string): string[] {
    const bytes = Buffer.from(this.#whole(beside) ?? new Uint8Array(0))
    const count = Math.floor(bytes.length / addressBytes)
    return Array.from({ length: count }, (_, i) => bytes.toString('hex', i * addressBytes, (i + 1) * addressBytes))
  }

  #whole(name: string): Uint8Array | undefined {
    return this.#database.read(() => readBlob(this.#database, name, { end: Number.POSITIVE_INFINITY }))
  }

  #put(address: string, bytes: Uint8Array): void {
    const needed = this.#needed
    if (needed === undefined || needed.addresses.has(address)) return
    // First, so that whoever removes chunks at this moment knows that this one is needed (runtime/store/retention.ts).
    needed.blob.append(Buffer.from(address, 'hex'))
    needed.addresses.add(address)
    const name = chunkName(this.#session, address)
    if (this.#database.read(() => findBlob(this.#database, name))?.size === bytes.length) return
    new BlobLog(this.#database, name, 0, this.#options).append(bytes)
  }

  #get(address: string): Uint8Array | undefined {
    const name = chunkName(this.#session, address)
    // Who died while it removed chunks may have left a needed one under its other name.
    return this.#whole(name) ?? this.#whole(removedChunk(name))
  }
}

/** A blob that is appended to by the guest's thread, and made when there is something to append. */
class BlobLog implements LogFile {
  readonly #database: Database
  readonly #name: string
  readonly #options: LogOptions
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4))
  #at: number
  #blob: Blob | undefined

  constructor(database: Database, name: string, bytes: number, options: LogOptions) {
    this.#database = database
    this.#name = name
    this.#at = bytes
    this.#options = options
  }

  append(block: Uint8Array): void {
    let isWaiting = false
    for (;;) {
      try {
        // Only this thread appends to it: what is known of it stays true.
        this.#blob = this.#database.change(() => extendBlob(this.#database, this.#blob ?? this.#make(), block))
        break
      } catch (error) {
        if (!isStasisError(error)) throw error
        // Others' changes take their time; no room may be made.
        if (error.code !== 'STASIS_STORE_FULL' && error.code !== 'STASIS_STORE_BUSY') throw this.#failed(error)
        if (!isWaiting) this.#options.onFull?.(true, error.message)
        isWaiting = true
        Atomics.wait(this.#sleeper, 0, 0, retryMilliseconds)
      }
    }
    if (isWaiting) this.#options.onFull?.(false, this.#name)
  }

  #make(): Blob {
    const found = findBlob(this.#database, this.#name)
    if (found !== undefined) return cutBlob(this.#database, found, this.#at)
    const blob = stageBlob(this.#database, '')
    nameBlob(this.#database, blob.id, this.#name)
    return blob
  }

  #failed(cause: StasisError): StasisError {
    const message = `The call log ${this.#name} cannot be written: ${cause.message} The session stops here; what was recorded before is intact.`
    return new StasisError('STASIS_LOG_WRITE', message, { path: this.#database.path }, { cause })
  }

  sync(): void {
    // Where it is asked for, each commit has waited for the disk.
  }

  close(): void {
    // The connection is the thread's, and ends with it.
    this.#blob = undefined
  }
}
