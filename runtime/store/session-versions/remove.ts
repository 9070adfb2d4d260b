import { decodeHead, encodeHead } from '../checkpoint-file/record.ts'
import { removalHead } from '../checkpoint-file/removal.ts'
import type { Store } from '../store.ts'
import { blobsOf, crc32 } from './blobs.ts'
import { compactFile, garbageOf } from './compact.ts'
import { append } from './save-version.ts'
import { readSessionFile } from './session-file.ts'

/** Less garbage than this is not worth another writing. */
const leastGarbage = 1 << 20

/**
 * Removes versions from a session's checkpoint file: they are marked in one step, and their pages go when more than half of
 * the file is of no use. What has no version left is deleted. The caller holds the session's lock.
 */
export async function removeFromFile(store: Store, session: string, versions: readonly number[]): Promise<void> {
  const file = await readSessionFile(store, session)
  if (file === undefined) return
  const { catalog } = file
  const isGone = new Set(versions)
  const left = catalog.versions().filter((version) => !isGone.has(version))
  const lost = [...file.missing.map(({ version }) => version), ...catalog.lost].filter(
    (version) => !isGone.has(version),
  )
  if (left.length === 0 && lost.length === 0) return deleteFile(store, session)
  const known = catalog.versions().filter((version) => isGone.has(version))
  if (known.length > 0) {
    const headBytes = encodeHead(removalHead(known, catalog, 0), crc32)
    const head = decodeHead(headBytes, catalog.end)
    await append(store, session, file, { head, headBytes, parts: [headBytes] })
  }
  // Those that are damaged are of no use, and a fresh file has no room for them.
  const isHealed = lost.length === 0 && file.error !== undefined
  const { garbage, live } = garbageOf(catalog)
  if (isHealed || (file.error === undefined && garbage > Math.max(live, leastGarbage))) {
    await compactFile(store, session)
  }
}

/** The index first: without the data it would tell of versions that are lost. */
export async function deleteFile(store: Store, session: string): Promise<void> {
  const { data, index, fresh } = blobsOf(session)
  for (const blob of [index, data, fresh]) await store.delete(blob)
}
