import { listVersions } from './checkpoints.ts'
import { leaseName } from './lease.ts'
import { sessionFolder } from './session-log.ts'
import { blobsOf } from './session-versions/blobs.ts'
import { loadStart } from './start-record.ts'
import type { BlobInfo, Store } from './store.ts'
import { typedBlob } from './typed-input.ts'

/** Where a copy of a large blob is written before it takes its place. */
export const copiedBlob = (session: string): string => `${sessionFolder(session)}copy.part`

/**
 * A session's own blobs, sorted; not its lease, nor what is being written to take another one's place, nor what was typed
 * ahead, which goes with the checkpoint that stops it.
 */
export async function ownBlobs(store: Store, session: string): Promise<readonly BlobInfo[]> {
  const left = [leaseName(session), blobsOf(session).fresh, copiedBlob(session), typedBlob(session)]
  return (await store.list(sessionFolder(session))).filter(({ name }) => !left.includes(name))
}

/** SHA-256 of the modules that a session's intact checkpoints and its beginning name. */
export async function neededModules(store: Store, session: string): Promise<ReadonlySet<string>> {
  const start = await loadStart(store, session).catch(() => undefined)
  const versions = await listVersions(store, session)
  const named = versions.flatMap(({ content }) => (content.kind === 'intact' ? [content.manifest.module.sha256] : []))
  return new Set(start === undefined ? named : [...named, start.module.sha256])
}
