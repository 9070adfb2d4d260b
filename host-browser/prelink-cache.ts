/**
 * Pre-linked modules, and the continuations that a restored stack begins with, in the page's Cache Storage: bytes under
 * URLs that are never fetched, named by what they were made of. A cache: whatever goes wrong with it is passed over. The
 * worker reads before the guest runs, and leaves writing to the page, since its own event loop does not turn meanwhile.
 */
const cacheName = 'stasis-prelink'
/** Each kind: CPython's module has 34 MB, a stack's continuations 20 to 350 KB. */
const kept = { wasm: 12, resume: 64 } as const
const address = 'https://stasis.invalid/'

export type CacheKind = keyof typeof kept

/** `name` is made of letters, digits, `-` and `_`. */
export const cacheKey = (name: string, kind: CacheKind): string => `${name}.${kind}`

const open = async (): Promise<Cache | undefined> => globalThis.caches?.open(cacheName).catch(() => undefined)

export async function readCache(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const response = await (await open())?.match(address + key)
    return response === undefined ? undefined : new Uint8Array(await response.arrayBuffer())
  } catch {
    return undefined
  }
}

/** All entries whose keys begin with `prefix`, by their keys. */
export async function readAll(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  try {
    const cache = await open()
    const keys = ((await cache?.keys()) ?? []).map(({ url }) => url.slice(address.length))
    for (const key of keys.filter((key) => key.startsWith(prefix))) {
      const bytes = await readCache(key)
      if (bytes !== undefined) found.set(key, bytes)
    }
  } catch {
    // Without a cache they are built.
  }
  return found
}

/** Writes an entry, and removes the oldest ones of its kind. */
export async function writeCache(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    const cache = await open()
    if (cache === undefined) return
    await cache.put(address + key, new Response(bytes))
    const kind = key.slice(key.lastIndexOf('.') + 1) as CacheKind
    const entries = (await cache.keys()).filter(({ url }) => url.endsWith(`.${kind}`))
    for (const old of entries.slice(0, Math.max(0, entries.length - kept[kind]))) await cache.delete(old)
  } catch {
    // There may be no room.
  }
}
