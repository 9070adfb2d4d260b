/**
 * How a store is sealed, as its blob `encryption.cbor`: the way from a passphrase to the key, and a check by which a wrong
 * one is told. One deterministic CBOR map, bounded when it is read, since whoever wrote it is not to be trusted.
 */

import { decode, encode } from 'cborg'
import { argon2id } from 'hash-wasm'
import { concat } from '../../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { bytes, natural, one, record, type Shape, ShapeError } from '../../../wasm-shim/wasi/shapes.ts'
import type { Store } from '../store.ts'
import { type Cipher, type WebCrypto, webCipher } from './cipher.ts'
import { nonceSize, tagSize } from './layout.ts'

export const recordName = 'encryption.cbor'
export const keySize = 32

export type Secret =
  /** 32 random bytes. */
  { readonly kind: 'key'; readonly key: Uint8Array } | { readonly kind: 'passphrase'; readonly text: string }

interface EncryptionRecord {
  readonly format: number
  readonly kdf: 'none' | 'argon2id'
  readonly salt: Uint8Array
  /** KiB. */
  readonly memory: number
  readonly passes: number
  readonly lanes: number
  /** A nonce, and the tag of everything above. */
  readonly check: Uint8Array
}

const format = 1
/** OWASP asks for 19 MiB and two passes at least; this takes about a third of a second. */
const costs = { memory: 64 * 1024, passes: 3, lanes: 1 } as const
const saltSize = 16
/** A record is about 120 bytes. */
const maxRecord = 1024

const sized =
  (size: number): Shape<Uint8Array> =>
  (value, where) => {
    const checked = bytes(value, where)
    if (checked.length !== size) throw new ShapeError(`${where} has ${checked.length} bytes instead of ${size}`)
    return checked
  }

const shape = record<EncryptionRecord>({
  format: natural(format),
  kdf: one(['none', 'argon2id']),
  salt: sized(saltSize),
  // A gigabyte and a minute at most.
  memory: natural(1024 * 1024),
  passes: natural(16),
  lanes: natural(16),
  check: sized(nonceSize + tagSize),
})

/** Throws STASIS_ENCRYPTION_DAMAGED. */
export function decodeRecord(blob: Uint8Array, location: string): EncryptionRecord {
  try {
    if (blob.length > maxRecord) throw new Error(`it has ${blob.length} bytes`)
    const decoded = shape(decode(blob), 'record')
    const { memory, passes, lanes, kdf } = decoded
    if (kdf === 'argon2id' && (passes < 1 || lanes < 1 || memory < 8 * lanes))
      throw new Error('its costs are too small')
    return decoded
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `${location}, which says how this store is sealed, cannot be used: ${reason}. Take a copy of it from a backup.`
    throw new StasisError('STASIS_ENCRYPTION_DAMAGED', message, { location }, { cause })
  }
}

/** Whether the store is sealed. */
export async function isEncrypted(store: Store): Promise<boolean> {
  return (await store.get(recordName, { end: 1 })) !== undefined
}

/**
 * The cipher of a sealed store, and its key. With `create`, an empty store becomes a sealed one. Throws STASIS_KEY_WRONG,
 * STASIS_STORE_CLEAR where the store has blobs that are not sealed, STASIS_ENCRYPTION_DAMAGED.
 */
export async function openEncryption(
  store: Store,
  secret: Secret,
  crypto: WebCrypto,
  create: boolean,
): Promise<{ readonly cipher: Cipher; readonly key: Uint8Array }> {
  let blob = await store.get(recordName, { end: maxRecord + 1 })
  if (blob === undefined) {
    if (!create || (await store.list('')).length > 0) throw clear(store, create)
    await store.put(recordName, [await makeRecord(secret, crypto)])
    // Somebody else may have been quicker.
    blob = (await store.get(recordName, { end: maxRecord + 1 })) ?? new Uint8Array(0)
  }
  const location = store.locate(recordName)
  const found = decodeRecord(blob, location)
  if ((found.kdf === 'none') !== (secret.kind === 'key')) throw wrongKind(store, found)
  const key = await deriveKey(secret, found)
  const cipher = await webCipher(crypto, key)
  const { check } = found
  const opened = await cipher.open(check.subarray(0, nonceSize), checkData(found), check.subarray(nonceSize))
  if (opened === undefined) throw wrong(store, secret)
  return { cipher, key }
}

async function makeRecord(secret: Secret, crypto: WebCrypto): Promise<Uint8Array> {
  const [salt, nonce] = [new Uint8Array(saltSize), new Uint8Array(nonceSize)]
  crypto.getRandomValues(salt)
  crypto.getRandomValues(nonce)
  const kdf = secret.kind === 'key' ? 'none' : 'argon2id'
  const made = { format, kdf, salt, ...costs } as const
  const cipher = await webCipher(crypto, await deriveKey(secret, made))
  const tag = await cipher.seal(nonce, checkData(made), new Uint8Array(0))
  return encode({ ...made, check: concat([nonce, tag]) })
}

type Costs = Omit<EncryptionRecord, 'check'>

function checkData({ format, kdf, salt, memory, passes, lanes }: Costs): Uint8Array {
  return encode({ format, kdf, salt, memory, passes, lanes })
}

async function deriveKey(secret: Secret, { salt, memory, passes, lanes }: Costs): Promise<Uint8Array> {
  if (secret.kind === 'key') return secret.key
  return argon2id({
    password: secret.text,
    salt,
    memorySize: memory,
    iterations: passes,
    parallelism: lanes,
    hashLength: keySize,
    outputType: 'binary',
  })
}

function wrong({ url }: Store, { kind }: Secret): StasisError {
  const what = kind === 'key' ? 'key' : 'passphrase'
  const message = `The ${what} is not that of the store ${url}. Nothing was read or changed. Give the one with which the store was made.`
  return new StasisError('STASIS_KEY_WRONG', message, { url })
}

function wrongKind({ url }: Store, { kdf }: EncryptionRecord): StasisError {
  const needed = kdf === 'none' ? 'a key file (--key-file)' : 'a passphrase (STASIS_PASSPHRASE), not by a key file'
  return new StasisError('STASIS_KEY_WRONG', `The store ${url} is opened by ${needed}. Nothing was read or changed.`, {
    url,
  })
}

function clear({ url }: Store, create: boolean): StasisError {
  const message = create
    ? `The store ${url} has blobs that are not encrypted. Make a new store with --encrypt, and copy the sessions: stasis copy NAME --to URL --to-encrypt.`
    : `The store ${url} is not encrypted. Leave the key out, or make an encrypted store with --encrypt.`
  return new StasisError('STASIS_STORE_CLEAR', message, { url })
}
