import { MemoryStore } from '../runtime/store/memory-store.ts'
import type { Store } from '../runtime/store/store.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { IndexedDbStore } from './indexed-db-store.ts'

/** Opens a store by its URL: `indexeddb:NAME`, in this origin's database of that name, or `memory:`. Throws STASIS_STORE_URL. */
export async function openStore(url: string): Promise<Store> {
  if (url === 'memory:') return new MemoryStore()
  const name = /^indexeddb:(.+)$/.exec(url)?.[1]
  if (name !== undefined) return new IndexedDbStore(name)
  throw new StasisError(
    'STASIS_STORE_URL',
    `"${url}" is not the URL of a store that a page can open. Known are indexeddb:NAME (for example indexeddb:stasis) and memory:.`,
    { url },
  )
}
