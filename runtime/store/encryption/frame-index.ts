import {
  damagedBlob,
  frameOverhead,
  type Header,
  headerSize,
  headSize,
  lead,
  readFrameHead,
  readHeader,
  tagSize,
} from './layout.ts'

/** A frame as it lies in a sealed blob. */
export interface Frame {
  /** Byte of the sealed blob. */
  readonly offset: number
  readonly at: number
  readonly length: number
  readonly isFinal: boolean
}

/** Bytes [start, end) of a blob are those of a frame, from the frame's `at` on. */
export interface Extent {
  readonly start: number
  readonly end: number
  readonly frame: Frame
}

/** What was asked of `read`: bytes [start, end) of the sealed blob, or fewer where it ends before. */
export type Scan<T> = Generator<{ readonly start: number; readonly end: number }, T, Uint8Array>

const smallestRead = 4096
const largestRead = 1 << 18

/** Where a sealed blob's frames are, found by their heads alone: nothing of it is authenticated. */
export class FrameIndex {
  readonly header: Header
  readonly #name: string
  readonly #extents: Extent[] = []
  /** Of the sealed blob: behind its last complete frame. */
  end = headerSize
  /** Tag of the last frame. */
  lastTag: Uint8Array
  /** The last frame that ends what was written whole. */
  final: Frame | undefined

  constructor(name: string, header: Header) {
    this.#name = name
    this.header = header
    this.lastTag = header.id
  }

  /** Reads the header and all heads. undefined for an empty blob. Throws STASIS_BLOB_DAMAGED. */
  static *read(name: string): Scan<FrameIndex | undefined> {
    const bytes = yield { start: 0, end: headerSize }
    // Who is killed while it begins a log leaves less.
    if (bytes.length < headerSize) return undefined
    const index = new FrameIndex(name, readHeader(bytes, name))
    yield* index.extend()
    return index
  }

  /** Of the blob's own bytes. */
  get size(): number {
    return this.#extents.at(-1)?.end ?? 0
  }

  /** Finds the frames that have come since. */
  *extend(): Scan<void> {
    let piece: Uint8Array = new Uint8Array(0)
    let pieceStart = this.end
    let wanted = smallestRead
    for (;;) {
      const has = (bytes: number) => this.end >= pieceStart && this.end + bytes <= pieceStart + piece.length
      if (!has(headSize)) {
        pieceStart = this.end
        piece = yield { start: pieceStart, end: pieceStart + wanted }
        if (!has(headSize)) return
      }
      const head = readFrameHead(piece.subarray(this.end - pieceStart), this.#name, this.end)
      if (head === undefined) return
      const next = this.end + frameOverhead + head.length
      // Small frames stand close together, large ones are jumped over.
      wanted = next <= pieceStart + piece.length ? Math.min(wanted * 2, largestRead) : smallestRead
      if (!(next - lead >= pieceStart && next <= pieceStart + piece.length)) {
        pieceStart = next - lead
        piece = yield { start: pieceStart, end: pieceStart + wanted }
        // It was being written.
        if (piece.length < lead) return
      }
      const closing = piece.subarray(next - lead - pieceStart, next - pieceStart)
      const { byteOffset } = closing
      if (new DataView(closing.buffer, byteOffset).getUint32(tagSize, true) !== head.length) {
        throw damagedBlob(this.#name, `the frame at byte ${this.end} does not end as it should`, this.end)
      }
      this.#add({ ...head, offset: this.end })
      this.lastTag = closing.slice(0, tagSize)
      this.end = next
    }
  }

  /** The extents that have bytes of [start, end), in their order. */
  extents(start: number, end: number): Extent[] {
    const from = this.#extents.findIndex((extent) => extent.end > start)
    if (from < 0) return []
    const to = this.#extents.findIndex((extent, i) => i >= from && extent.start >= end)
    return this.#extents.slice(from, to < 0 ? undefined : to)
  }

  #add(frame: Frame): void {
    const { at, length } = frame
    if (at > this.size) throw damagedBlob(this.#name, `the frame at byte ${frame.offset} leaves a gap`, frame.offset)
    if (frame.isFinal) this.final = frame
    while ((this.#extents.at(-1)?.start ?? -1) >= at && at < this.size) this.#extents.pop()
    const last = this.#extents.at(-1)
    if (last !== undefined && last.end > at) this.#extents[this.#extents.length - 1] = { ...last, end: at }
    if (length > 0) this.#extents.push({ start: at, end: at + length, frame })
  }
}
