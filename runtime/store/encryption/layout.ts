/**
 * A sealed blob: a header and then frames, each with at most 256 KiB of the blob's bytes (little-endian).
 *
 *     header   "STSE", version u8, kind u8 (1 written whole, 2 grown by appending), 0 u16, id [16], nonce [12], tag [16]
 *     frame    length u32, flags u8, at u48, 0 u8, nonce [12], sealed bytes [length], tag [16], length u32
 *
 * The header's tag covers its first 24 bytes and the blob's name; a frame's covers the id, the tag of the frame before (of
 * the first one: the id), and its own first 12 bytes. So no frame stands in for another one, nor in another blob, and what
 * can be read is the beginning of what was written. `at` is where the frame's bytes stand in the blob: what stood there and
 * behind was cut off. The last frame of what was written whole is flagged; without it the blob was cut. The repeated length
 * leads from the end of a blob to its size.
 */
import { concat } from '../../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'

export const headerSize = 52
export const headSize = 24
export const tagSize = 16
export const nonceSize = 12
/** What a frame takes besides its bytes. */
export const frameOverhead = headSize + tagSize + 4
/** What of the frame before has to be read with a frame: its tag and length. */
export const lead = tagSize + 4
export const maxFrame = 1 << 18
export const finalFlag = 1

const magic = [0x53, 0x54, 0x53, 0x45, 1] as const
export type BlobKind = 'whole' | 'grown'
const kinds: readonly BlobKind[] = ['whole', 'grown']

export interface Header {
  readonly kind: BlobKind
  readonly id: Uint8Array
  readonly nonce: Uint8Array
  readonly tag: Uint8Array
}

export interface FrameHead {
  readonly length: number
  readonly isFinal: boolean
  readonly at: number
}

/** The header's first part, which its tag covers. */
export function headerStart(kind: BlobKind, id: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(24)
  bytes.set([...magic, kinds.indexOf(kind) + 1])
  bytes.set(id, 8)
  return bytes
}

/** A blob's name in what is sealed: without what is added to log segments and chunks that are set aside for a while. */
export function sealedName(name: string): string {
  return name.replace(/\.(old|lost(-\d+)?)$/, '')
}

/** What is authenticated with the header. */
export function headerData(start: Uint8Array, name: string): Uint8Array {
  return concat([start, new TextEncoder().encode(sealedName(name))])
}

/** Throws STASIS_BLOB_DAMAGED. */
export function readHeader(bytes: Uint8Array, name: string): Header {
  const kind = kinds[(bytes[5] ?? 0) - 1]
  const isOurs = bytes.length >= headerSize && magic.every((byte, i) => bytes[i] === byte)
  if (!isOurs || kind === undefined || bytes[6] !== 0 || bytes[7] !== 0) {
    throw damagedBlob(name, 'it does not begin as a sealed one', 0)
  }
  return { kind, id: bytes.slice(8, 24), nonce: bytes.slice(24, 36), tag: bytes.slice(36, headerSize) }
}

/** A frame's first part, which its tag covers. */
export function frameStart({ length, isFinal, at }: FrameHead): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, length, true)
  view.setUint8(4, isFinal ? finalFlag : 0)
  view.setUint32(5, at % 2 ** 32, true)
  view.setUint16(9, Math.floor(at / 2 ** 32), true)
  return bytes
}

export function frameData(id: Uint8Array, previousTag: Uint8Array, start: Uint8Array): Uint8Array {
  return concat([id, previousTag, start])
}

/** undefined where only zeros stand, as a file system may leave them behind what was written. Throws STASIS_BLOB_DAMAGED. */
export function readFrameHead(bytes: Uint8Array, name: string, offset: number): FrameHead | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const head = {
    length: view.getUint32(0, true),
    isFinal: view.getUint8(4) === finalFlag,
    at: view.getUint32(5, true) + view.getUint16(9, true) * 2 ** 32,
  }
  if (bytes.subarray(0, headSize).every((byte) => byte === 0)) return undefined
  if (head.length > maxFrame || view.getUint8(4) > finalFlag || view.getUint8(11) !== 0) {
    throw damagedBlob(name, `no frame begins at byte ${offset}`, offset)
  }
  return head
}

export function lengthBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, length, true)
  return bytes
}

export function damagedBlob(name: string, reason: string, offset: number): StasisError {
  const message = `${name} is damaged or was tampered with: ${reason}. Nothing of it is used. Restore an older version, or take a copy from a backup.`
  return new StasisError('STASIS_BLOB_DAMAGED', message, { blob: name, offset })
}
