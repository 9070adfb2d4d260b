import { checkCodec, type PageCodec } from '../codec/compression.ts'
import { listVersions, removeUnusedModules, removeVersions } from './checkpoints.ts'
import type { RetentionRules } from './kept.ts'
import { unkept } from './retention.ts'
import { blobsOf } from './session-versions/blobs.ts'
import { compactFile, garbageOf } from './session-versions/compact.ts'
import { readSessionFile } from './session-versions/session-file.ts'
import type { Store } from './store.ts'

export interface Collected {
  /** Versions that the rules did not keep. */
  readonly removed: readonly number[]
  /** Bytes of the session's checkpoints. */
  readonly before: number
  readonly after: number
}

/**
 * Removes versions that the rules do not keep, pages that no version needs, and modules that no session needs. The caller
 * holds the session's lock.
 */
export async function collectGarbage(
  store: Store,
  session: string,
  rules: RetentionRules,
  now: number,
): Promise<Collected> {
  const before = await sizeOfCheckpoints(store, session)
  const gone = new Set(unkept(await listVersions(store, session), rules, now).map(({ version }) => version))
  const removed = gone.size > 0 ? await removeVersions(store, session, ({ version }) => gone.has(version)) : []
  const file = await readSessionFile(store, session)
  const isWorthIt = file !== undefined && file.error === undefined && garbageOf(file.catalog).garbage > 0
  if (isWorthIt) await compactFile(store, session)
  await removeUnusedModules(store)
  return { removed, before, after: await sizeOfCheckpoints(store, session) }
}

/**
 * Writes the session's checkpoint file anew, without what no version needs; its pages by `codec`, or as they were. The caller
 * holds the session's lock. Throws STASIS_CODEC.
 */
export async function compactSession(
  store: Store,
  session: string,
  options: { readonly codec?: PageCodec | undefined } = {},
): Promise<Collected> {
  if (options.codec !== undefined) checkCodec(options.codec)
  const before = await sizeOfCheckpoints(store, session)
  await compactFile(store, session, options)
  return { removed: [], before, after: await sizeOfCheckpoints(store, session) }
}

/** Bytes of a session's checkpoints: its checkpoint file, and images that lie by themselves. */
async function sizeOfCheckpoints(store: Store, session: string): Promise<number> {
  const folder = blobsOf(session).data.slice(0, -'checkpoints.ckp'.length)
  const blobs = (await store.list(folder)).filter(({ name }) => /\.(ckp|cki|ckpt)$/.test(name))
  return blobs.reduce((sum, { size }) => sum + size, 0)
}
