import { promisifyRequest } from 'idb-keyval'

/** What stands under a blob's name; see indexed-db-store.ts. */
export interface BlobRecord {
  readonly id: number
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
}

const nextIdKey = 0

export function ask<T>(request: IDBRequest<T>): Promise<T> {
  return promisifyRequest(request)
}

export function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}

export function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It has ended already.
  }
}

export async function findRecord(store: IDBObjectStore, name: string): Promise<BlobRecord | undefined> {
  return ask<BlobRecord | undefined>(store.get(name))
}

export async function takeId(store: IDBObjectStore): Promise<number> {
  const id = (await ask<number | undefined>(store.get(nextIdKey))) ?? 1
  store.put(id + 1, nextIdKey)
  return id
}

export async function remove(store: IDBObjectStore, name: string): Promise<boolean> {
  const record = await findRecord(store, name)
  if (record === undefined) return false
  store.delete(piecesOf(record.id, 0))
  store.delete(name)
  return true
}

export function piecesOf(id: number, from: number, to = Number.POSITIVE_INFINITY): IDBKeyRange {
  return IDBKeyRange.bound([id, from], [id, to], false, true)
}

/** Offset of the piece that has the byte `at`. */
export async function pieceAt(store: IDBObjectStore, id: number, at: number): Promise<number> {
  const cursor = await ask(store.openKeyCursor(IDBKeyRange.bound([id, 0], [id, at]), 'prev'))
  return cursor === null ? at : (cursor.key as [number, number])[1]
}

/** Removes what stands from `at` on. */
export async function cut(store: IDBObjectStore, id: number, at: number): Promise<void> {
  const from = await pieceAt(store, id, at)
  if (from < at) {
    const piece = await ask<Uint8Array>(store.get([id, from]))
    store.put(piece.slice(0, at - from), [id, from])
  }
  store.delete(piecesOf(id, at))
}
