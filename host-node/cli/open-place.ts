import { readFileSync } from 'node:fs'
import type { Secret } from '../../runtime/store/encryption/record.ts'
import type { Store } from '../../runtime/store/store.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { keyNeeded, openWith } from '../open-store.ts'
import { flag, grouped, value } from './options.ts'
import { askPassphrase } from './passphrase.ts'
import { locateStore, type StorePlace } from './store-place.ts'
import { text } from './values.ts'

export const encryptionOptions = grouped('Encryption', {
  encrypt: flag('Make the store an encrypted one, if it is new. Afterwards it needs its key, and not this option.'),
  'key-file': value(
    'FILE',
    'The key of an encrypted store: 32 bytes, or 64 hexadecimal digits ("openssl rand -hex 32"). Without it a passphrase is ' +
      'taken from $STASIS_PASSPHRASE, or asked for.',
    text,
  ),
})

export interface StoreValues {
  readonly store?: string | undefined
  readonly encrypt?: boolean
  readonly 'key-file'?: string | undefined
}

/** Which store is meant, and the words by which another command means it too. */
export function placeOf(values: StoreValues): StorePlace {
  const place = locateStore(values.store)
  const keyFile = values['key-file']
  return keyFile === undefined ? place : { ...place, words: [...place.words, '--key-file', keyFile] }
}

/** Opens the store that the options mean. Throws what `openStore` throws, and STASIS_FILE. */
export function openPlace(values: StoreValues, env: NodeJS.ProcessEnv = process.env): Promise<Store> {
  const { url } = placeOf(values)
  const { encrypt = false, 'key-file': keyFile } = values
  return openWith(url, encrypt, keyFile !== undefined, async (isNew): Promise<Secret> => {
    if (keyFile !== undefined) return { kind: 'key', key: readKey(keyFile) }
    const passphrase = env.STASIS_PASSPHRASE || askPassphrase(url, isNew)
    if (passphrase === undefined) throw keyNeeded(url, isNew)
    return { kind: 'passphrase', text: passphrase }
  })
}

/** Reads a key: 32 bytes, or as many in hexadecimal digits. */
export function readKey(path: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(readFileSync(path))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError('STASIS_FILE', `Cannot read the key ${path}: ${reason}.`, { path }, { cause })
  }
  if (bytes.length === 32) return bytes
  const digits = Buffer.from(bytes).toString('latin1').trim()
  if (/^[0-9a-fA-F]{64}$/.test(digits)) return new Uint8Array(Buffer.from(digits, 'hex'))
  const message = `${path} is not a key: it must have 32 bytes or 64 hexadecimal digits. Make one with: openssl rand -hex 32 > ${path}`
  throw new StasisError('STASIS_KEY_WRONG', message, { path })
}
