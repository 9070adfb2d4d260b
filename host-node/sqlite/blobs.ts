import type { BlobInfo, ByteRange } from '../../runtime/store/store.ts'
import { type Database, damagedBlob } from './database.ts'

/** Largest piece: what a ranged read may read too much. */
const maxPiece = 1 << 18
/** Largest piece that is extended instead of followed by another one: it is one page of the file either way. */
const smallPiece = 2048

export interface Blob {
  readonly id: number
  readonly size: number
}

export function findBlob(database: Database, name: string): Blob | undefined {
  const row = database.sql('SELECT id, size FROM blobs WHERE name = ?').get(name)
  return row && { id: Number(row.id), size: Number(row.size) }
}

export function listBlobs(database: Database, prefix: string): BlobInfo[] {
  // Names are ASCII, and are compared by their bytes.
  return database
    .sql('SELECT name, size, modified FROM blobs WHERE name >= ? AND name < ? ORDER BY name')
    .all(prefix, `${prefix}\uffff`)
    .map(({ name, size, modified }) => ({ name: String(name), size: Number(size), modified: Number(modified) }))
}

export function readBlob(database: Database, name: string, range: ByteRange): Uint8Array | undefined {
  const blob = findBlob(database, name)
  if (blob === undefined) return undefined
  const start = Math.min(range.start ?? 0, blob.size)
  const end = Math.max(start, Math.min(range.end, blob.size))
  const bytes = new Uint8Array(end - start)
  let at = start
  for (const row of database
    .sql(
      'SELECT at, bytes FROM pieces WHERE id = ? AND at < ? AND at >= (SELECT max(at) FROM pieces WHERE id = ? AND at <= ?) ORDER BY at',
    )
    .all(blob.id, end, blob.id, start)) {
    const piece = row.bytes as Uint8Array
    const skipped = at - Number(row.at)
    if (skipped < 0) break
    const taken = piece.subarray(skipped, skipped + end - at)
    bytes.set(taken, at - start)
    at += taken.length
  }
  if (at < end) throw damagedBlob(database.path, name)
  return bytes
}

/** A blob without a name, for who writes it. */
export function stageBlob(database: Database, writer: string): Blob {
  const row = database
    .sql('INSERT INTO blobs (size, modified, writer) VALUES (0, ?, ?) RETURNING id')
    .get(Date.now(), writer)
  return { id: Number(row?.id), size: 0 }
}

/** Gives it its name, in place of what had that. */
export function nameBlob(database: Database, id: number, name: string): void {
  deleteBlob(database, name)
  database.sql('UPDATE blobs SET name = ?, writer = NULL, modified = ? WHERE id = ?').run(name, Date.now(), id)
}

export function deleteBlob(database: Database, name: string): boolean {
  const blob = findBlob(database, name)
  if (blob !== undefined) forgetBlob(database, blob.id)
  return blob !== undefined
}

export function forgetBlob(database: Database, id: number): void {
  database.sql('DELETE FROM pieces WHERE id = ?').run(id)
  database.sql('DELETE FROM blobs WHERE id = ?').run(id)
}

/** Removes what stands from `at` on. */
export function cutBlob(database: Database, { id, size }: Blob, at: number): Blob {
  if (at >= size) return { id, size }
  database
    .sql(
      'UPDATE pieces SET bytes = substr(bytes, 1, ? - at) WHERE id = ? AND at = (SELECT max(at) FROM pieces WHERE id = ? AND at < ?)',
    )
    .run(at, id, id, at)
  database.sql('DELETE FROM pieces WHERE id = ? AND at >= ?').run(id, at)
  setSize(database, id, at)
  return { id, size: at }
}

export function extendBlob(database: Database, { id, size }: Blob, bytes: Uint8Array): Blob {
  if (bytes.length === 0) return { id, size }
  if (size > 0 && bytes.length < smallPiece) {
    const joined = database
      .sql(
        'UPDATE pieces SET bytes = CAST(bytes || ? AS BLOB) WHERE id = ? AND at = (SELECT max(at) FROM pieces WHERE id = ?) AND length(bytes) < ?',
      )
      .run(bytes, id, id, smallPiece - bytes.length)
    if (Number(joined.changes) === 1) {
      setSize(database, id, size + bytes.length)
      return { id, size: size + bytes.length }
    }
  }
  const insert = database.sql('INSERT INTO pieces (id, at, bytes) VALUES (?, ?, ?)')
  for (let at = 0; at < bytes.length; at += maxPiece) {
    insert.run(id, size + at, bytes.subarray(at, at + maxPiece))
  }
  setSize(database, id, size + bytes.length)
  return { id, size: size + bytes.length }
}

function setSize(database: Database, id: number, size: number): void {
  database.sql('UPDATE blobs SET size = ?, modified = ? WHERE id = ?').run(size, Date.now(), id)
}
