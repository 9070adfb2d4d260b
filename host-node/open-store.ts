import { fileURLToPath } from 'node:url'
import type { WebCrypto } from '../runtime/store/encryption/cipher.ts'
import { EncryptedStore } from '../runtime/store/encryption/encrypted-store.ts'
import { isEncrypted, keySize, openEncryption, type Secret } from '../runtime/store/encryption/record.ts'
import { MemoryStore } from '../runtime/store/memory-store.ts'
import type { Store } from '../runtime/store/store.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { FileStore } from './file-store.ts'
import { SqliteStore } from './sqlite/store.ts'

export interface OpenStoreOptions {
  /** 32 random bytes, for an encrypted store. */
  readonly key?: Uint8Array
  /** In place of `key`. */
  readonly passphrase?: string
  /** Make an encrypted store of an empty one. Default: false, and a key for a store that is not encrypted is an error. */
  readonly encrypt?: boolean
}

/**
 * Opens a store by its URL: `file:DIRECTORY` (relative to the current one, or `file:///...`), `sqlite:FILE` or `memory:`.
 * Nothing is created before the first checkpoint, but for how an encrypted store is sealed. Throws STASIS_STORE_URL,
 * STASIS_KEY_NEEDED, STASIS_KEY_WRONG, STASIS_STORE_CLEAR.
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  const { key, passphrase, encrypt = false } = options
  if (key !== undefined && key.length !== keySize) throw keyLength(key.length)
  const secret: Secret | undefined =
    key !== undefined
      ? { kind: 'key', key }
      : passphrase !== undefined
        ? { kind: 'passphrase', text: passphrase }
        : undefined
  return openWith(url, encrypt, secret !== undefined, async () => {
    if (secret === undefined) throw keyNeeded(url, encrypt)
    return secret
  })
}

/** `ask` is called where a key is needed; `isGiven`: a key for a store that is not encrypted is a mistake. */
export async function openWith(
  url: string,
  encrypt: boolean,
  isGiven: boolean,
  ask: (isNew: boolean) => Promise<Secret>,
): Promise<Store> {
  const store = openPlain(url)
  const isSealed = await isEncrypted(store)
  if (!isSealed && !encrypt && !isGiven) return store
  // What there is comes first: nobody is asked for a key that is of no use.
  const secret = await ask(!isSealed)
  const { cipher, key } = await openEncryption(store, secret, globalThis.crypto as unknown as WebCrypto, encrypt)
  return new EncryptedStore(store, cipher, key)
}

function openPlain(url: string): Store {
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

function keyLength(length: number): StasisError {
  const message = `A key has ${keySize} bytes, and this one ${length}. Make one with: openssl rand -hex ${keySize}`
  return new StasisError('STASIS_KEY_WRONG', message, { length })
}

export function keyNeeded(url: string, isNew: boolean): StasisError {
  const state = isNew ? 'is to be encrypted' : 'is encrypted'
  const message = `The store ${url} ${state}, and no key was given: --key-file FILE, the variable STASIS_PASSPHRASE, or a terminal to ask for a passphrase (in a program: the option key or passphrase).`
  return new StasisError('STASIS_KEY_NEEDED', message, { url })
}
