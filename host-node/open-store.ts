import { fileURLToPath } from 'node:url'
import { MemoryStore } from '../runtime/store/memory-store.ts'
import type { Store } from '../runtime/store/store.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { FileStore } from './file-store.ts'
import { SqliteStore } from './sqlite/store.ts'

/**
 * Opens a store by its URL: `file:DIRECTORY` (relative to the current one, or `file:///...`), `sqlite:FILE` or `memory:`.
 * Nothing is created before the first checkpoint. Throws STASIS_STORE_URL.
 */
export async function openStore(url: string): Promise<Store> {
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1]
  const rest = url.slice((scheme?.length ?? -1) + 1)
  if (scheme === 'file' && rest !== '') return new FileStore(rest.startsWith('//') ? fileURLToPath(url) : rest)
  if (scheme === 'sqlite' && rest !== '') return new SqliteStore(rest)
  if (scheme === 'memory' && rest === '') return new MemoryStore()
  throw new StasisError(
    'STASIS_STORE_URL',
    `"${url}" is not the URL of a store. Known are file:DIRECTORY (for example file:.stasis), sqlite:FILE (for example sqlite:stasis.db) and memory:.`,
    { url },
  )
}
