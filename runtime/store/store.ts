import type { LogPlace } from '../log/storage.ts'

/**
 * The contract of a checkpoint store. A store knows named blobs and who holds which session; what is in a blob, and what
 * versions mean, is decided above it (checkpoints.ts). All stores pass test/store/store-suite.ts.
 *
 * Blob names are relative paths like `sessions/calc/3.ckpt`: components of letters, digits, `_`, `-`, `.`, joined by
 * `/`, none beginning with a dot.
 */
export interface Store {
  /** What `openStore` was given, for messages. */
  readonly url: string
  /** Blobs whose names begin with `prefix`, sorted by name. */
  list(prefix: string): Promise<readonly BlobInfo[]>
  /** The blob's bytes, or those of a range as far as they exist; undefined where there is no such blob. */
  get(name: string, range?: ByteRange): Promise<Uint8Array | undefined>
  /** The blob as it is now, to read many ranges of it; absent where that is no faster, undefined where there is no such blob. */
  open?(name: string): Promise<BlobReader | undefined>
  /** Writes the concatenated parts. When it resolves they are durable; whatever happens before, the old blob or nothing. */
  put(name: string, parts: readonly Uint8Array[]): Promise<void>
  /**
   * Writes the parts at byte `at`, which is not behind the blob's end; what was there from `at` on is cut off. Makes the
   * blob if there is none. When it resolves they are durable; after a crash it ends somewhere from `at` on. For blobs that
   * tell by checksums where they end.
   */
  append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void>
  /** Whether there was such a blob. */
  delete(name: string): Promise<boolean>
  /** Gives a blob another name, in one step, replacing what has it; whether there was such a blob. */
  rename(from: string, to: string): Promise<boolean>
  /** Makes this process the only one to run the session. Throws STASIS_SESSION_BUSY while another one lives. */
  lock(session: string): Promise<SessionLock>
  /** The sessions that live processes hold. */
  owners(): Promise<ReadonlyMap<string, LockOwner>>
  /** Where the guest's thread may keep the session's call log; absent where this store has no place for one. */
  logPlace?(session: string): LogPlace
  /** For people: where the blob is, e.g. a file's path. */
  locate(name: string): string
}

export interface BlobReader {
  /** As `get` of the store. What is put in the blob's place meanwhile is not seen; what is cut off it may be missing. */
  get(range: ByteRange): Promise<Uint8Array>
  close(): Promise<void>
}

/** Bytes [start, end). */
export interface ByteRange {
  /** Default: 0. */
  readonly start?: number
  readonly end: number
  /** Room for as many bytes, in which a store may give them, to save new memory. */
  readonly into?: Uint8Array
}

export interface BlobInfo {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch at which it was written last, where the store knows. */
  readonly modified?: number
}

export interface LockOwner {
  readonly pid: number
  /** The machine's name. */
  readonly host: string
  /** Milliseconds since the epoch. */
  readonly since: number
}

export interface SessionLock {
  /** Idempotent. */
  release(): Promise<void>
}
