import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { ChunkStore } from '../runtime/log/chunks.ts'
import type { LogFile, LogOptions, LogPlace, LogStorage, PlaceOf } from '../runtime/log/storage.ts'
import { copyExtent } from '../runtime/store/encryption/encrypted-store.ts'
import { FrameIndex } from '../runtime/store/encryption/frame-index.ts'
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
  tagSize,
} from '../runtime/store/encryption/layout.ts'
import { chunkName, sessionFolder } from '../runtime/store/session-log.ts'
import { concat } from '../wasm-shim/bytes/arrays.ts'

/** Bytes of a segment that are opened at a time. */
const pieceSize = 1 << 18

/**
 * Seals the log that the guest's thread writes, at any other place, as EncryptedStore seals blobs, and synchronously. What
 * was appended is a frame; going on before a segment's end is a frame that says so, and what it replaces stays in the file.
 */
export class EncryptedLogStorage implements LogStorage {
  readonly chunks: ChunkStore
  readonly #inner: LogStorage
  readonly #session: string
  readonly #key: Uint8Array

  constructor(
    { inner, session, key }: PlaceOf<'encrypted'>,
    options: LogOptions,
    open: (place: LogPlace, options: LogOptions) => LogStorage,
  ) {
    this.#inner = open(inner, options)
    this.#session = session
    this.#key = key
    const { chunks } = this.#inner
    this.chunks = {
      put: (address, bytes) => {
        const { header, id } = this.#header('whole', chunkName(session, address))
        const sealed = this.#seal(id, id, 0, bytes, true)
        chunks.put(address, concat([header, sealed.bytes]))
      },
      get: (address) => {
        const sealed = chunks.get(address)
        return sealed && concat([...this.#open(chunkName(session, address), () => [sealed])])
      },
    }
  }

  *read(segment: string): Iterable<Uint8Array> {
    yield* this.#open(this.#name(segment), () => this.#inner.read(segment))
  }

  open(segment: string, bytes: number): LogFile {
    const index = bytes > 0 ? this.#index(this.#name(segment), () => this.#inner.read(segment)) : undefined
    const file = this.#inner.open(segment, index?.end ?? 0)
    let at = bytes
    let id = index?.header.id
    let tag = index?.lastTag
    return {
      append: (block) => {
        const parts: Uint8Array[] = []
        if (id === undefined || tag === undefined) {
          const made = this.#header('grown', this.#name(segment))
          parts.push(made.header)
          id = tag = made.id
        }
        const sealed = this.#seal(id, tag, at, block, false)
        file.append(concat([...parts, sealed.bytes]))
        tag = sealed.tag
        at += block.length
      },
      sync: () => file.sync(),
      close: () => file.close(),
    }
  }

  setAside(segment: string): void {
    this.#inner.setAside(segment)
  }

  #name(segment: string): string {
    return `${sessionFolder(this.#session)}${segment}`
  }

  #header(kind: BlobKind, name: string): { header: Uint8Array; id: Uint8Array } {
    const id = new Uint8Array(randomBytes(16))
    const start = headerStart(kind, id)
    const nonce = randomBytes(nonceSize)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(headerData(start, name))
    cipher.final()
    return { header: concat([start, nonce, cipher.getAuthTag()]), id }
  }

  #seal(id: Uint8Array, previousTag: Uint8Array, at: number, bytes: Uint8Array, isWhole: boolean) {
    const parts: Uint8Array[] = []
    let tag = previousTag
    for (let from = 0; from === 0 || from < bytes.length; from += maxFrame) {
      const some = bytes.subarray(from, from + maxFrame)
      const start = frameStart({
        length: some.length,
        isFinal: isWhole && from + maxFrame >= bytes.length,
        at: at + from,
      })
      const nonce = randomBytes(nonceSize)
      const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
      cipher.setAAD(frameData(id, tag, start))
      const sealed = cipher.update(some)
      cipher.final()
      tag = cipher.getAuthTag()
      parts.push(start, nonce, sealed, tag, lengthBytes(some.length))
    }
    return { bytes: concat(parts), tag }
  }

  /** Where the frames are; the header is genuine. */
  #index(name: string, read: () => Iterable<Uint8Array>): FrameIndex | undefined {
    const sealed = new SequentialReader(read())
    const scan = FrameIndex.read(name)
    let step = scan.next()
    while (!step.done) step = scan.next(sealed.read(step.value.start, step.value.end))
    const index = step.value
    if (index === undefined) return undefined
    const { kind, id, nonce, tag } = index.header
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce)
    decipher.setAAD(headerData(headerStart(kind, id), name))
    decipher.setAuthTag(tag)
    try {
      decipher.final()
    } catch {
      throw damagedBlob(name, 'its header was sealed by another key or for another name, or altered', 0)
    }
    if (kind === 'whole' && index.final === undefined) throw damagedBlob(name, 'its end is missing', index.end)
    return index
  }

  *#open(name: string, read: () => Iterable<Uint8Array>): Generator<Uint8Array> {
    const index = this.#index(name, read)
    if (index === undefined) return
    const sealed = new SequentialReader(read())
    const { id } = index.header
    for (let from = 0; from < index.size; ) {
      const to = Math.min(index.size, from + pieceSize)
      const bytes = new Uint8Array(to - from)
      for (const extent of index.extents(from, to)) {
        const { frame } = extent
        const isFirst = frame.offset === headerSize
        const before = isFirst ? 0 : lead
        const piece = sealed.read(frame.offset - before, frame.offset + frameOverhead + frame.length)
        const tag = isFirst ? id : piece.subarray(0, tagSize)
        copyExtent(extent, this.#openFrame(name, id, tag, piece.subarray(before), frame.offset), bytes, from, to)
      }
      yield bytes
      from = to
    }
  }

  #openFrame(name: string, id: Uint8Array, tag: Uint8Array, bytes: Uint8Array, offset: number): Uint8Array {
    const end = bytes.length - tagSize - 4
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(12, headSize))
    decipher.setAAD(frameData(id, tag, bytes.subarray(0, 12)))
    decipher.setAuthTag(bytes.subarray(end, end + tagSize))
    const opened = decipher.update(bytes.subarray(headSize, end))
    try {
      decipher.final()
    } catch {
      throw damagedBlob(name, `the frame at byte ${offset} is not genuine`, offset)
    }
    return opened
  }
}

/** Bytes by their places, of pieces that come one after the other: back by no more than a large frame. */
class SequentialReader {
  readonly #pieces: Iterator<Uint8Array>
  #held: Uint8Array = new Uint8Array(0)
  #start = 0

  constructor(pieces: Iterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.iterator]()
  }

  read(start: number, end: number): Uint8Array {
    while (this.#start + this.#held.length < end) {
      const piece = this.#pieces.next()
      if (piece.done) break
      // A frame may be wanted again, in the next piece that is given out.
      const kept = Math.max(0, Math.min(this.#held.length, start - this.#start - 2 * maxFrame))
      this.#held = concat([this.#held.subarray(kept), piece.value])
      this.#start += kept
    }
    return this.#held.subarray(start - this.#start, Math.max(0, end - this.#start))
  }
}
