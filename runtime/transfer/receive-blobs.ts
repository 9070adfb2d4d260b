import { sameBytes } from '../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import type { Store } from '../store/store.ts'
import { Digest, sha256Blob } from './blob-digest.ts'
import type { Channel } from './channel.ts'
import { type Codec, pieceOf, portableCodec } from './codec.ts'
import { type Blob, broken, type MessageOf, maxBlobs } from './protocol.ts'
import { checkReceived } from './received-check.ts'
import type { Progress } from './send-blobs.ts'
import { inLists } from './send-blobs.ts'
import { isModule, isOfLog, moduleHash } from './session-blobs.ts'
import { StagedView } from './staged-view.ts'
import { type Staged, Staging } from './staging.ts'

export interface Limits {
  /** Bytes of one blob. */
  readonly blob: number
  /** Bytes of all blobs of a session. */
  readonly session: number
}

export const defaultLimits: Limits = { blob: 4 * 2 ** 30, session: 16 * 2 ** 30 }

export interface ReceiveOptions {
  readonly codec?: Codec
  readonly limits?: Limits
  readonly onProgress?: (progress: Progress) => void
}

/** Bytes that are gathered before they are written: every write is flushed to the disk. */
const batch = 4 << 20

/** What is being written: its pieces that are not yet in the store. */
interface Open {
  readonly name: string
  readonly kept: number
  readonly part: string
  readonly digest: Digest
  pending: Uint8Array[]
  pendingBytes: number
}

/** The receiving side of the rounds of a session, whose lock is held. */
export class BlobReceiver {
  readonly staging: Staging
  readonly #channel: Channel
  readonly #options: ReceiveOptions
  readonly #checked = new Set<number>()
  #blobs: readonly Blob[] = []
  #staged: Map<string, Staged> = new Map()
  #open: Open | undefined
  #isWhole = false
  /** Nothing but pieces of the log has come since a round was checked, and what there was besides. */
  #isLogOnly = false
  #checkedRest = ''
  /** Since the session was last put in place, only pieces of its log were staged, each a tail. */
  #isLogAdded = false
  #done = 0
  #total = 0

  constructor(store: Store, session: string, channel: Channel, options: ReceiveOptions = {}) {
    this.staging = new Staging(store, session)
    this.#channel = channel
    this.#options = options
  }

  async inventory(message: MessageOf<'inventory'>): Promise<void> {
    const { limits = defaultLimits } = this.#options
    const blobs = [...message.blobs]
    for (let more = message.more; more; ) {
      const next = await this.#channel.expect('inventory')
      blobs.push(...next.blobs)
      if (blobs.length > maxBlobs) throw tooLarge(`it has more than ${maxBlobs} blobs`)
      more = next.more
    }
    if (new Set(blobs.map(({ name }) => name)).size < blobs.length) throw broken('a blob is named twice')
    if (blobs.some(({ name }) => name === '@/lease.cbor')) throw broken('a lease is no part of a session')
    const large = blobs.find(({ size }) => size > limits.blob)
    if (large !== undefined)
      throw tooLarge(`${large.name} has ${large.size} bytes, and at most ${limits.blob} are taken`)
    const total = blobs.reduce((sum, { size }) => sum + size, 0)
    if (total > limits.session) throw tooLarge(`it has ${total} bytes, and at most ${limits.session} are taken`)
    this.#isWhole = false
    await this.interrupted()
    this.#open = undefined
    this.#blobs = blobs
    this.#staged = new Map(await this.staging.find(blobs, this.#staged))
    this.#total = total
    this.#done = [...this.#staged.values()].reduce((sum, { digest }) => sum + digest.length, 0)
    const have = [...this.#staged].map(([name, { digest }]) => ({ name, size: digest.length, digest: digest.value() }))
    for (const [list, more] of inLists(have)) await this.#channel.send({ kind: 'have', blobs: list, more })
  }

  async data(message: MessageOf<'data'> | MessageOf<'zstd'>): Promise<void> {
    const { codec = portableCodec } = this.#options
    const open = await this.#openAt(message.name, message.at)
    const bytes = pieceOf(codec, message)
    const size = this.#size(open.name)
    if (open.digest.length + bytes.length > size) throw broken(`more than ${size} bytes of ${open.name} came`)
    open.digest.update(bytes)
    open.pending.push(bytes)
    open.pendingBytes += bytes.length
    this.#done += bytes.length
    this.#options.onProgress?.({ done: this.#done, total: this.#total })
    if (open.pendingBytes >= batch) await this.#write(open)
  }

  async end({ name, size, digest }: MessageOf<'end'>): Promise<void> {
    const open = this.#open
    if (open?.name !== name || open.digest.length !== size) throw broken(`the end of ${name} came before all of it`)
    await this.#write(open, true)
    this.#open = undefined
    const isRight = isModule(name)
      ? (await sha256Blob(this.staging.store, open.part)) === moduleHash(name)
      : sameBytes(open.digest.value(), digest)
    if (!isRight) {
      await this.staging.store.delete(open.part)
      this.#staged.delete(name)
      throw new StasisError('STASIS_TRANSFER_DAMAGED', `${name} is not what its digest says. Try again.`, {
        blob: name,
      })
    }
    this.#staged.set(name, { kept: open.kept, part: open.part, digest: open.digest })
  }

  /** After a round: everything is here and makes a session. */
  async flush(): Promise<void> {
    const missing = this.#blobs.find(({ name, size }) => this.#staged.get(name)?.digest.length !== size)
    if (missing !== undefined) throw broken(`${missing.name} was announced and did not come`)
    // What is added to a log is looked at by whoever goes on from it.
    const rest = JSON.stringify(this.#blobs.filter(({ name }) => !isOfLog(name)))
    const isKnown = this.#isLogOnly && rest === this.#checkedRest
    const check = isKnown ? async () => undefined : checkReceived
    await check(new StagedView(this.staging, this.#blobs, this.#staged), this.staging.session, this.#checked).catch(
      async (error) => {
        // It would not become right by going on from it.
        await this.staging.clear()
        throw error
      },
    )
    this.#isWhole = true
    this.#isLogOnly = true
    if (rest !== this.#checkedRest) this.#isLogAdded = false
    this.#checkedRest = rest
    await this.#channel.send({ kind: 'stored' })
  }

  /** The session as it will be. */
  view(): Store {
    this.checkWhole()
    return new StagedView(this.staging, this.#blobs, this.#staged)
  }

  /** Throws STASIS_PROTOCOL where something is missing, before anything in use is touched. */
  checkWhole(): void {
    if (!this.#isWhole) throw broken('a session was to be put in place before it was sent')
  }

  /** What is in place stays whole while this is added to it: a log that is longer, or torn, tells of a later instant. */
  get isLogAdded(): boolean {
    return this.#isLogAdded && this.#isLogOnly
  }

  async putInPlace(): Promise<void> {
    this.checkWhole()
    await this.staging.putInPlace(this.#blobs, this.#staged)
    // Known by its digest still, so that the next round need not read it.
    for (const [name, { digest }] of this.#staged)
      this.#staged.set(name, { kept: digest.length, part: undefined, digest })
    this.#isWhole = false
    this.#isLogAdded = true
  }

  /** Keeps what has arrived of a blob that is not complete. */
  async interrupted(): Promise<void> {
    if (this.#open !== undefined && this.#open.pendingBytes > 0) await this.#write(this.#open)
  }

  #size(name: string): number {
    const size = this.#blobs.find((blob) => blob.name === name)?.size
    if (size === undefined) throw broken(`${name} was not announced`)
    return size
  }

  async #openAt(name: string, at: number): Promise<Open> {
    if (this.#open?.name === name && at === this.#open.digest.length && at > 0) return this.#open
    if (this.#open !== undefined) throw broken(`${name} came before the end of ${this.#open.name}`)
    this.#size(name)
    this.#isWhole = false
    if (!isOfLog(name)) this.#isLogOnly = false
    const found = this.#staged.get(name)
    if (at !== 0 && at !== found?.digest.length) throw broken(`${name} goes on at byte ${at}`)
    const { store } = this.staging
    if (at === 0) {
      this.#done -= found?.digest.length ?? 0
      if (found?.part !== undefined) await store.delete(found.part)
      this.#open = begin(name, 0, this.staging.wholePart(name), new Digest())
      this.#isLogAdded = false
    } else {
      const { kept, part = this.staging.tailPart(name, at), digest } = found!
      this.#open = begin(name, kept, part, digest.copy())
      if (!name.endsWith('.log')) this.#isLogAdded = false
    }
    this.#staged.delete(name)
    return this.#open
  }

  async #write(open: Open, evenIfEmpty = false): Promise<void> {
    const { pending, pendingBytes } = open
    open.pending = []
    open.pendingBytes = 0
    if (pendingBytes === 0 && !(evenIfEmpty && open.digest.length === 0)) return
    await this.staging.store.append(open.part, open.digest.length - pendingBytes - open.kept, pending)
  }
}

const begin = (name: string, kept: number, part: string, digest: Digest): Open => ({
  ...{ name, kept, part, digest },
  pending: [],
  pendingBytes: 0,
})

function tooLarge(why: string): StasisError {
  const message = `The session is too large for the other side: ${why}. Its operator can raise that (stasis serve --max-session).`
  return new StasisError('STASIS_TRANSFER_TOO_LARGE', message)
}
