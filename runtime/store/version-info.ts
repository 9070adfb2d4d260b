import { StasisError } from '../../wasm-shim/errors.ts'
import type { Manifest } from '../image/manifest.ts'
import { type Address, formatAddress } from './address.ts'

/** One version of a session as it lies in a store. A damaged one is listed with what is wrong with it. */
export interface VersionInfo {
  readonly version: number
  /** Bytes of the image, of which there are fewer in the store where pages are those of earlier versions. */
  readonly size: number
  /** Bytes that it added to the store. */
  readonly added: number
  readonly location: string
  readonly content: { readonly kind: 'intact'; readonly manifest: Manifest } | DamagedContent
}

export interface DamagedContent {
  readonly kind: 'damaged'
  readonly error: StasisError
}

/** The same error, saying which file it is about. */
export function named(error: StasisError, address: Address, location: string): StasisError {
  const fields = { ...error.fields, name: address.name, version: address.version, location }
  return new StasisError(error.code, `${formatAddress(address)} (${location}): ${error.message}`, fields, {
    cause: error,
  })
}
