import { concat } from '../../../wasm-shim/bytes/arrays.ts'
import { toPieces } from '../../../wasm-shim/bytes/pieces.ts'
import type { LogPlace } from '../../log/storage.ts'
import { checkAppend, checkBlobName } from '../blob-name.ts'
import type { BlobInfo, ByteRange, LockOwner, SessionLock, Store } from '../store.ts'
import type { Cipher } from './cipher.ts'
import { type Extent, type Frame, FrameIndex, type Scan } from './frame-index.ts'
import {
  type BlobKind,
  damagedBlob,
  frameData,
  frameOverhead,
  frameStart,
  headerData,
  headerSize,
  headerStart,
  headSize,
  lead,
  lengthBytes,
  maxFrame,
  nonceSize,
  readFrameHead,
  sealedName,
  tagSize,
} from './layout.ts'
import { recordName } from './record.ts'

/** Frames that are read and opened at a time. */
const batch = 16
/** Indexes that are remembered. */
const remembered = 256
const pieceSize = 8 << 20

/** What is being copied to get another name; who died meanwhile leaves it to the session's next owner. */
const halfSuffix = '.renamed'
const isHalf = (name: string): boolean => name.endsWith(halfSuffix)

/** Lists of chunks' names, beside log segments; those names are the chunks' blobs', and no secret in this store. */
const isClear = (name: string): boolean => name.endsWith('.chunks')

/**
 * Seals the blobs of another store (layout.ts). What was altered, or sealed by another key, is refused as
 * STASIS_BLOB_DAMAGED before anything of it is used. Names, sizes and times are not hidden, and that a whole blob is
 * an older one of the same name cannot be told.
 */
export class EncryptedStore implements Store {
  readonly url: string
  readonly logPlace?: (session: string) => LogPlace
  readonly #inner: Store
  readonly #cipher: Cipher
  readonly #indexes = new Map<string, FrameIndex>()
  #indexing: Promise<unknown> = Promise.resolve()
  readonly #sizes = new Map<string, { readonly sealed: number; readonly modified: number; readonly size: number }>()

  /** `key`: the cipher's, for the guest's thread, which seals the call log. */
  constructor(inner: Store, cipher: Cipher, key: Uint8Array) {
    this.#inner = inner
    this.#cipher = cipher
    this.url = inner.url
    const { logPlace } = inner
    if (logPlace !== undefined) {
      this.logPlace = (session) => ({ kind: 'encrypted', inner: logPlace.call(inner, session), session, key })
    }
  }

  async list(prefix: string): Promise<readonly BlobInfo[]> {
    const blobs = (await this.#inner.list(prefix)).filter(({ name }) => name !== recordName && !isHalf(name))
    return Promise.all(blobs.map(async (blob) => ({ ...blob, size: await this.#sizeOf(blob) })))
  }

  async get(name: string, range: ByteRange = { end: Number.POSITIVE_INFINITY }): Promise<Uint8Array | undefined> {
    if (isClear(checkBlobName(name))) return this.#inner.get(name, range)
    const { start = 0, end } = range
    const isRemembered = this.#indexes.has(name)
    try {
      const index = await this.#index(name)
      return index && (await this.#read(name, index, start, end))
    } catch (error) {
      if (!isRemembered) throw error
      // Another one since.
      this.#indexes.delete(name)
      const index = await this.#index(name)
      return index && (await this.#read(name, index, start, end))
    }
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    if (isClear(checkBlobName(name))) return this.#inner.put(name, parts)
    const id = this.#cipher.random(16)
    const header = await this.#header('whole', id, name)
    const sealed = await this.#frames(id, id, 0, parts, true)
    await this.#inner.put(name, [header, ...sealed])
    this.#indexes.delete(name)
  }

  async append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    if (isClear(checkBlobName(name))) return this.#inner.append(name, at, parts)
    const index = await this.#index(name)
    checkAppend(name, at, index?.size ?? 0)
    if (index === undefined) {
      const id = this.#cipher.random(16)
      const sealed = await this.#frames(id, id, 0, parts, false)
      return this.#inner.append(name, 0, [await this.#header('grown', id, name), ...sealed])
    }
    const isCut = at < index.size
    const sealed = await this.#frames(index.header.id, index.lastTag, at, parts, false, isCut)
    // What is behind the last complete frame was never acknowledged.
    if (sealed.length > 0) await this.#inner.append(name, index.end, sealed)
  }

  async delete(name: string): Promise<boolean> {
    this.#indexes.delete(name)
    return this.#inner.delete(name)
  }

  /** The name is in what is sealed: the blob is copied with another header, and then takes its new name in one step. */
  async rename(from: string, to: string): Promise<boolean> {
    checkBlobName(to)
    if (isClear(checkBlobName(from)) || sealedName(from) === sealedName(to)) {
      this.#indexes.delete(from)
      this.#indexes.delete(to)
      return this.#inner.rename(from, to)
    }
    const index = await this.#index(from)
    if (index === undefined) return false
    const { kind, id } = index.header
    const temporary = `${to}${halfSuffix}`
    await this.#inner.append(temporary, 0, [await this.#header(kind, id, to)])
    for (let start = headerSize; start < index.end; start += pieceSize) {
      const piece = await this.#inner.get(from, { start, end: Math.min(index.end, start + pieceSize) })
      await this.#inner.append(temporary, start, piece === undefined ? [] : [piece])
    }
    await this.#inner.rename(temporary, to)
    await this.#inner.delete(from)
    this.#indexes.delete(from)
    this.#indexes.delete(to)
    return true
  }

  async lock(session: string): Promise<SessionLock> {
    const lock = await this.#inner.lock(session)
    for (const { name } of await this.#inner.list(`sessions/${session}/`)) {
      if (isHalf(name)) await this.#inner.delete(name)
    }
    return lock
  }

  owners(): Promise<ReadonlyMap<string, LockOwner>> {
    return this.#inner.owners()
  }

  locate(name: string): string {
    return this.#inner.locate(name)
  }

  async #header(kind: BlobKind, id: Uint8Array, name: string): Promise<Uint8Array> {
    const start = headerStart(kind, id)
    const nonce = this.#cipher.random(nonceSize)
    return concat([start, nonce, await this.#cipher.seal(nonce, headerData(start, name), new Uint8Array(0))])
  }

  /** Seals the parts from byte `at` on, in frames. At least one where `isNeeded` says so, or to end what is written whole. */
  async #frames(
    id: Uint8Array,
    previousTag: Uint8Array,
    at: number,
    parts: readonly Uint8Array[],
    isWhole: boolean,
    isNeeded: boolean = isWhole,
  ): Promise<Uint8Array[]> {
    const sealed: Uint8Array[] = []
    let left = parts.reduce((sum, part) => sum + part.length, 0)
    let tag = previousTag
    let place = at
    for (const bytes of frameBytes(parts, isNeeded)) {
      left -= bytes.length
      const start = frameStart({ length: bytes.length, isFinal: isWhole && left === 0, at: place })
      const nonce = this.#cipher.random(nonceSize)
      const body = await this.#cipher.seal(nonce, frameData(id, tag, start), bytes)
      sealed.push(start, nonce, body, lengthBytes(bytes.length))
      tag = body.subarray(body.length - tagSize)
      place += bytes.length
    }
    return sealed
  }

  /** One after the other, since they change what is remembered. */
  #index(name: string): Promise<FrameIndex | undefined> {
    const index = this.#indexing.then(() => this.#findIndex(name))
    this.#indexing = index.catch(() => undefined)
    return index
  }

  /** Where the blob's frames are now; its header is genuine, and so is its end where it was written whole. */
  async #findIndex(name: string): Promise<FrameIndex | undefined> {
    const read = async (start: number, end: number) => this.#inner.get(name, { start, end })
    const known = this.#indexes.get(name)
    if (known !== undefined) {
      const header = await read(0, headerSize)
      const isSame = header !== undefined && known.header.tag.every((byte, i) => byte === header[36 + i])
      if (isSame) {
        await drive(known.extend(), read)
        return known
      }
      this.#indexes.delete(name)
    }
    const index = await drive(FrameIndex.read(name), read)
    if (index === undefined) return undefined
    const { kind, id, nonce, tag } = index.header
    if ((await this.#cipher.open(nonce, headerData(headerStart(kind, id), name), tag)) === undefined) {
      throw damagedBlob(name, 'its header was sealed by another key or for another name, or altered', 0)
    }
    if (kind === 'whole') {
      if (index.final === undefined) throw damagedBlob(name, 'its end is missing', index.end)
      await this.#openFrames(name, index, [index.final])
    }
    if (this.#indexes.size >= remembered) this.#indexes.clear()
    this.#indexes.set(name, index)
    return index
  }

  async #read(name: string, index: FrameIndex, from: number, to: number): Promise<Uint8Array> {
    const start = Math.min(from, index.size)
    const end = Math.max(start, Math.min(to, index.size))
    const bytes = new Uint8Array(end - start)
    if (end === start) return bytes
    const extents = index.extents(start, end)
    for (let i = 0; i < extents.length; i += batch) {
      const some = extents.slice(i, i + batch)
      const opened = await this.#openFrames(
        name,
        index,
        some.map(({ frame }) => frame),
      )
      some.forEach((extent, j) => {
        copyExtent(extent, opened[j]!, bytes, start, end)
      })
    }
    return bytes
  }

  async #openFrames(name: string, index: FrameIndex, frames: readonly Frame[]): Promise<Uint8Array[]> {
    return Promise.all(
      frames.map(async (frame) => {
        const { offset, length } = frame
        const isFirst = offset === headerSize
        const start = isFirst ? offset : offset - lead
        const piece = await this.#inner.get(name, { start, end: offset + frameOverhead + length })
        const bytes = piece?.subarray(offset - start)
        const opened =
          bytes?.length === frameOverhead + length
            ? await this.#cipher.open(
                bytes.subarray(12, headSize),
                frameData(
                  index.header.id,
                  isFirst ? index.header.id : piece!.subarray(0, tagSize),
                  bytes.subarray(0, 12),
                ),
                bytes.subarray(headSize, headSize + length + tagSize),
              )
            : undefined
        // The head that the index was made of, not one that was put there since.
        const isSame = bytes !== undefined && frameStart(frame).every((byte, i) => byte === bytes[i])
        if (opened === undefined || !isSame)
          throw damagedBlob(name, `the frame at byte ${offset} is not genuine`, offset)
        return opened
      }),
    )
  }

  /** Of the blob's own bytes, as its end tells; what cannot be told is the size as it lies there. */
  async #sizeOf({ name, size: sealed, modified = 0 }: BlobInfo): Promise<number> {
    if (isClear(name)) return sealed
    if (sealed <= headerSize) return 0
    const known = this.#sizes.get(name)
    if (known?.sealed === sealed && known.modified === modified && modified !== 0) return known.size
    const size =
      (await this.#sizeByEnd(name, sealed)) ?? (await this.#index(name).catch(() => undefined))?.size ?? sealed
    this.#sizes.set(name, { sealed, modified, size })
    return size
  }

  async #sizeByEnd(name: string, sealed: number): Promise<number | undefined> {
    const end = await this.#inner.get(name, { start: sealed - 4, end: sealed })
    if (end?.length !== 4) return undefined
    const length = new DataView(end.buffer, end.byteOffset).getUint32(0, true)
    const start = sealed - frameOverhead - length
    if (length > maxFrame || start < headerSize) return undefined
    const bytes = await this.#inner.get(name, { start, end: start + headSize })
    try {
      const head = bytes?.length === headSize ? readFrameHead(bytes, name, start) : undefined
      return head?.length === length ? head.at + length : undefined
    } catch {
      return undefined
    }
  }
}

async function drive<T>(
  scan: Scan<T>,
  read: (start: number, end: number) => Promise<Uint8Array | undefined>,
): Promise<T> {
  for (let step = scan.next(); ; ) {
    if (step.done) return step.value
    step = scan.next((await read(step.value.start, step.value.end)) ?? new Uint8Array(0))
  }
}

export function copyExtent(
  { start: extentStart, end: extentEnd, frame }: Extent,
  opened: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const from = Math.max(start, extentStart)
  const to = Math.min(end, extentEnd)
  bytes.set(opened.subarray(from - frame.at, to - frame.at), from - start)
}

/** The parts in pieces as full as a frame may be. */
function* frameBytes(parts: readonly Uint8Array[], isNeeded: boolean): Generator<Uint8Array> {
  if (isNeeded && parts.every(({ length }) => length === 0)) yield new Uint8Array(0)
  yield* toPieces(parts, maxFrame)
}
