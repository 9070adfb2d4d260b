import { createBLAKE3, createSHA256 } from 'hash-wasm'
import { readPieces } from '../store/session-log.ts'
import type { Store } from '../store/store.ts'

// Made once while the module loads: hash-wasm compiles asynchronously and hashes synchronously. No use of one is
// interrupted: its state is taken out before anything is awaited.
const blake = await createBLAKE3()
const sha = await createSHA256()

/** BLAKE3 of bytes that come one after the other. */
export class Digest {
  #state: Uint8Array
  length = 0

  constructor() {
    this.#state = blake.init().save()
  }

  update(bytes: Uint8Array): this {
    this.#state = blake.load(this.#state).update(bytes).save()
    this.length += bytes.length
    return this
  }

  value(): Uint8Array {
    return blake.load(this.#state).digest('binary')
  }

  copy(): Digest {
    const copy = new Digest()
    copy.#state = this.#state
    copy.length = this.length
    return copy
  }
}

/** Goes on with `digest` over a blob's bytes up to `end`, as far as they exist. */
export async function digestBlob(store: Store, name: string, end: number, digest = new Digest()): Promise<Digest> {
  if (end <= digest.length) return digest
  for await (const piece of readPieces(store, name, digest.length)) {
    digest.update(piece.subarray(0, end - digest.length))
    if (digest.length >= end) break
  }
  return digest
}

/** SHA-256 of a blob, 64 hexadecimal digits. */
export async function sha256Blob(store: Store, name: string): Promise<string> {
  let state = sha.init().save()
  for await (const piece of readPieces(store, name)) state = sha.load(state).update(piece).save()
  return sha.load(state).digest('hex')
}
