import type { ChunkStore } from './chunks.ts'

/** Where a session's call log lies, as a store tells the guest's thread: plain data, by which that thread's host opens it. */
export type LogPlace =
  | { readonly kind: 'directory'; readonly path: string }
  /** In a store that only the thread which serves people can reach: it passes everything on. */
  | { readonly kind: 'store'; readonly session: string }
  /** In a database, which holds the session's blobs too. */
  | { readonly kind: 'sqlite'; readonly path: string; readonly session: string }
  /** At another place, sealed with this key (32 bytes). `session` is in what is sealed. */
  | { readonly kind: 'encrypted'; readonly inner: LogPlace; readonly session: string; readonly key: Uint8Array }

export type PlaceOf<K extends LogPlace['kind']> = Extract<LogPlace, { readonly kind: K }>

export interface LogOptions {
  /** Told when the guest stands still because there is no room, and when there is again. */
  readonly onFull?: (waiting: boolean, reason: string) => void
  /** Have chunks on the disk before the log names them. */
  readonly durable?: boolean
}

/**
 * The segments of one session's log, for the guest's thread: synchronous, since a call waits for it. Segments are named as
 * `segmentName` says (runtime/store/session-log.ts).
 */
export interface LogStorage {
  readonly chunks: ChunkStore
  /** A segment's bytes, a piece at a time, each valid until the next; nothing where there is no such segment. */
  read(segment: string): Iterable<Uint8Array>
  /**
   * Opens a segment to append to after its first `bytes`; what stands behind is no part of the log any more, and set aside
   * too. It is made by the first append.
   */
  open(segment: string, bytes: number): LogFile
  /** Renames a segment, so that it is no part of the log any more, and not lost either. */
  setAside(segment: string): void
}

export interface LogFile {
  /**
   * Returns when the operating system has all bytes. Where there is no room it waits until there is; throws StasisError
   * STASIS_LOG_WRITE where it cannot be written for another reason.
   */
  append(block: Uint8Array): void
  /** Returns when all that was appended is on the disk. */
  sync(): void
  close(): void
}
