import { sameBytes } from '../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import type { Store } from '../store/store.ts'
import { Digest, digestBlob } from './blob-digest.ts'
import type { Channel } from './channel.ts'
import { type Codec, pieceMessage, portableCodec } from './codec.ts'
import { type Blob, type Messages, maxListed, maxPiece } from './protocol.ts'
import { blobsToSend, isModule, type KnownModules, storedName } from './session-blobs.ts'

export interface Progress {
  /** Bytes of blobs that the other side has, of how many. */
  readonly done: number
  readonly total: number
}

export interface SendOptions {
  readonly codec?: Codec
  readonly onProgress?: (progress: Progress) => void
}

export interface Round {
  /** Bytes of blobs that were sent, before they were compressed. */
  readonly changed: number
  /** Bytes of all frames. */
  readonly sent: number
  /** Bytes of all blobs. */
  readonly total: number
}

interface Known {
  readonly digest: Digest
  /** Of the first and the last bytes, by which a blob that was written anew is told from one that was appended to. */
  readonly ends: Uint8Array
}

type Have = Messages['have']['blobs'][number]

/** Bytes at either end of what was sent before that are looked at again. */
const probed = 4096

/**
 * Brings the other side's copy of a session up to what is in the store, once a round. The receiver says what it has; a blob
 * that begins with it has its tail sent, any other one is sent whole. While the session runs, what is sent is a copy of
 * some instant of each blob; the last round has to be sent when it stands still.
 */
export class BlobSender {
  readonly #store: Store
  readonly #session: string
  readonly #channel: Channel
  readonly #options: SendOptions
  /** What both sides had after the last round. */
  readonly #known = new Map<string, Known>()
  #modules: KnownModules | undefined

  constructor(store: Store, session: string, channel: Channel, options: SendOptions = {}) {
    this.#store = store
    this.#session = session
    this.#channel = channel
    this.#options = options
  }

  async round(): Promise<Round> {
    const before = this.#channel.sent
    const { blobs, modules } = await blobsToSend(this.#store, this.#session, this.#modules)
    this.#modules = modules
    for (const [list, more] of inLists(blobs)) await this.#channel.send({ kind: 'inventory', blobs: list, more })
    const had = await this.#receiveHave()
    const total = blobs.reduce((sum, { size }) => sum + size, 0)
    let changed = 0
    let done = 0
    for (const blob of blobs) {
      const have = had.get(blob.name)
      // Named by its content, which the receiver checks.
      if (isModule(blob.name) && have?.size === blob.size) {
        done += blob.size
        continue
      }
      const base = await this.#base(blob, have)
      done += base.length
      if (base.length === blob.size && blob.size > 0) continue
      changed += blob.size - base.length
      await this.#send(blob, base, (bytes) => {
        done += bytes
        this.#options.onProgress?.({ done, total })
      })
    }
    await this.#channel.send({ kind: 'flush' })
    await this.#channel.expect('stored')
    return { changed, sent: this.#channel.sent - before, total }
  }

  async #receiveHave(): Promise<ReadonlyMap<string, Have>> {
    const had = new Map<string, Have>()
    for (;;) {
      const { blobs, more } = await this.#channel.expect('have')
      for (const blob of blobs) had.set(blob.name, blob)
      if (!more) return had
    }
  }

  /** The digest of what need not be sent. */
  async #base({ name, size }: Blob, have: Have | undefined): Promise<Digest> {
    if (have === undefined || have.size > size) return new Digest()
    const known = await this.#unchanged(name)
    const start = known !== undefined && known.length <= have.size ? known : new Digest()
    const digest = await digestBlob(this.#store, storedName(this.#session, name), have.size, start.copy())
    if (digest.length !== have.size || !sameBytes(digest.value(), have.digest)) return new Digest()
    await this.#remember(name, digest)
    return digest
  }

  async #send({ name, size }: Blob, base: Digest, tell: (bytes: number) => void): Promise<void> {
    const { codec = portableCodec } = this.#options
    const stored = storedName(this.#session, name)
    const digest = base.copy()
    do {
      const end = Math.min(size, digest.length + maxPiece)
      const piece = (await this.#store.get(stored, { start: digest.length, end })) ?? new Uint8Array(0)
      if (piece.length < end - digest.length) throw changed(this.#session, name)
      const part = { name, at: digest.length, bytes: piece }
      await this.#channel.send(pieceMessage(codec, part, this.#channel.readsZstd))
      digest.update(piece)
      tell(piece.length)
    } while (digest.length < size)
    await this.#channel.send({ kind: 'end', name, size, digest: digest.value() })
    await this.#remember(name, digest)
  }

  async #remember(name: string, digest: Digest): Promise<void> {
    if (isModule(name) || digest.length === 0) return
    this.#known.set(name, { digest: digest.copy(), ends: await this.#ends(name, digest.length) })
  }

  async #unchanged(name: string): Promise<Digest | undefined> {
    const known = this.#known.get(name)
    if (known === undefined) return undefined
    return sameBytes(known.ends, await this.#ends(name, known.digest.length)) ? known.digest : undefined
  }

  async #ends(name: string, length: number): Promise<Uint8Array> {
    const stored = storedName(this.#session, name)
    const first = await this.#store.get(stored, { start: 0, end: Math.min(probed, length) })
    const last = await this.#store.get(stored, { start: Math.max(0, length - probed), end: length })
    return new Digest()
      .update(first ?? new Uint8Array(0))
      .update(last ?? new Uint8Array(0))
      .value()
  }
}

export function* inLists<T>(items: readonly T[]): Generator<[T[], boolean]> {
  for (let at = 0; at === 0 || at < items.length; at += maxListed) {
    yield [items.slice(at, at + maxListed), at + maxListed < items.length]
  }
}

/** A session that runs removes what it needs no more: the round is to be made again. */
function changed(session: string, name: string): StasisError {
  const message = `${name} of ${session} changed while it was being sent. Try again.`
  return new StasisError('STASIS_TRANSFER_CHANGED', message, { session, blob: name })
}
