/**
 * The call log of a session in a store (docs/format.md): one blob for each stretch between two checkpoints, named by the
 * number of its first call and by the run that wrote it, and the chunks of large payloads.
 */
import { checkSessionName } from './address.ts'
import type { BlobInfo, Store } from './store.ts'

/** A piece of a session's log. Its first call is the one that the checkpoint with as many `calls` stands before. */
export interface LogSegment {
  /** The blob's name. */
  readonly blob: string
  /** First eight hexadecimal digits of the session's identity. */
  readonly run: string
  readonly firstCall: number
  /** Bytes; of a session that runs, as of now. */
  readonly size: number
}

const segmentPattern = /^sessions\/([^/]+)\/(\d{1,16})-([0-9a-f]{8})\.log$/

/** Name of a segment below the session's folder. `id` is the session's identity, a UUID. */
export function segmentName(firstCall: number, id: string): string {
  return `${firstCall}-${id.slice(0, 8)}.log`
}

export function sessionFolder(session: string): string {
  return `sessions/${checkSessionName(session)}/`
}

export function chunkName(session: string, address: string): string {
  return `${sessionFolder(session)}chunks/${address}`
}

/** Where a chunk is while it is decided whether it can be removed. */
export function removedChunk(name: string): string {
  return `${name}.old`
}

export function asSegment({ name: blob, size }: BlobInfo): LogSegment | undefined {
  const match = segmentPattern.exec(blob)
  return match === null ? undefined : { blob, firstCall: Number(match[2]), run: match[3]!, size }
}

/** The segments that the store has, by their first calls. */
export async function listSegments(store: Store, session: string): Promise<readonly LogSegment[]> {
  const blobs = await store.list(sessionFolder(session))
  return blobs
    .map(asSegment)
    .filter((segment) => segment !== undefined)
    .sort((a, b) => a.firstCall - b.firstCall)
}

const pieceSize = 1 << 18

/** A blob's bytes from `start` to its present end, a piece at a time; nothing where there is no such blob. */
export async function* readPieces(store: Store, blob: string, start = 0): AsyncGenerator<Uint8Array> {
  for (let at = start; ; ) {
    const piece = await store.get(blob, { start: at, end: at + pieceSize })
    if (piece === undefined || piece.length === 0) return
    yield piece
    at += piece.length
  }
}
