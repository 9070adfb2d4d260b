import { refuseExisting } from '../../session/launch.ts'
import { removeUnusedModules, saveCheckpoint, saveModule } from '../../store/checkpoints.ts'
import { forkLease } from '../../store/lease.ts'
import { chunkName, sessionFolder } from '../../store/session-log.ts'
import { startBlob } from '../../store/start-record.ts'
import type { Store } from '../../store/store.ts'
import { checkedEntries, nameIn } from './check-export.ts'
import type { ExportHost } from './export-session.ts'
import { exportDamaged, exportMagic } from './layout.ts'
import { type Entry, type ReadLimits, readExport } from './read-export.ts'

export interface ImportOptions extends ReadLimits {
  /** Default: the name that it was exported with. */
  readonly name?: string
}

/**
 * Makes a session of an exported one, and returns its name. The export is untrusted: all of it is checked, and where
 * something is wrong nothing of it stays. It is a session of its own. Throws STASIS_EXPORT_*, STASIS_IMAGE_*, STASIS_SESSION_EXISTS.
 */
export async function importSession(
  host: ExportHost,
  store: Store,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { name: wanted, ...limits }: ImportOptions = {},
): Promise<string> {
  const entries = checkedEntries(host, source, limits)
  const first = await entries.next()
  if (first.done) throw exportDamaged('it does not begin with a session', 16)
  const name = nameIn(first.value, wanted)
  const lock = await store.lock(name)
  try {
    await refuseExisting(store, name)
    try {
      await storeEntries(store, name, entries)
      // A file can be read many times: what is made of it is no other one's session.
      await forkLease(store, name, host.uuid())
    } catch (error) {
      for (const blob of await store.list(sessionFolder(name))) await store.delete(blob.name)
      await removeUnusedModules(store)
      throw error
    }
  } finally {
    await lock.release()
  }
  return name
}

/** What begins the session comes last, when the end has been seen: who dies before leaves nothing that can be restored. */
async function storeEntries(store: Store, name: string, entries: AsyncIterable<Entry>): Promise<void> {
  let start: Uint8Array | undefined
  let image: Uint8Array | undefined
  for await (const { kind, name: own, bytes } of entries) {
    if (kind === 'module') await saveModule(store, own, bytes)
    else if (kind === 'chunk') await store.put(chunkName(name, own), [bytes])
    else if (kind === 'log') await store.put(`${sessionFolder(name)}${own}`, [bytes])
    else if (kind === 'start') start = bytes
    else if (kind === 'image') image = bytes
  }
  if (start !== undefined) await store.put(startBlob(name), [start])
  if (image !== undefined) await saveCheckpoint(store, name, [image])
}

/** The name of the session in a file that begins with `bytes`. Throws STASIS_EXPORT_*. */
export async function nameOfExported(bytes: Uint8Array): Promise<string> {
  const first = await readExport([bytes]).next()
  if (first.done || first.value.kind !== 'session') throw exportDamaged('it does not begin with a session', 16)
  return first.value.name
}

export const isExported = (bytes: Uint8Array): boolean => exportMagic.every((byte, at) => bytes[at] === byte)
