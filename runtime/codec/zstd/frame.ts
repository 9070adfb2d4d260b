import { malformed } from './bits.ts'
import { maxBlock } from './literals.ts'

/** Bytes of a frame's content at most, so that offsets fit what is read at a time. */
export const maxContent: number = 1 << 24

export interface Block {
  readonly kind: 'raw' | 'repeated' | 'compressed'
  readonly start: number
  readonly end: number
  /** Bytes of content, but of a compressed one. */
  readonly size: number
}

/**
 * The blocks of a frame as we write them (RFC 8878): it tells the size of its content, which is `size`, it has no dictionary and
 * no checksum, and nothing follows it. What the blocks hold is not looked at. For every decoder, ours or the host's: what
 * passes takes no more memory than that.
 */
export function blocksOf(bytes: Uint8Array, size: number): Block[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 6 || view.getUint32(0, true) !== 0xfd2fb528) throw malformed('it begins otherwise')
  const flags = bytes[4]!
  const isSingle = (flags & 0x20) !== 0
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6]!
  if ((flags & 0x1f) !== 0) throw malformed('it has a checksum, a dictionary, or something unknown')
  let at = isSingle ? 5 : 6
  if (sizeBytes === 0) throw malformed('it does not tell its size')
  if (sizeBytes > bytes.length - at) throw malformed('it is cut off')
  const told = sizeOf(view, at, sizeBytes)
  if (told !== size || size > maxContent) throw malformed(`it tells of ${told} bytes where ${size} are expected`)
  // A window that is larger than the content is never filled; some decoders make room for it.
  if (!isSingle && windowOf(bytes[5]!) > maxContent) throw malformed('its window is too large')
  at += sizeBytes
  const blocks: Block[] = []
  for (let isLast = false; !isLast; ) {
    if (bytes.length - at < 3) throw malformed('it is cut off')
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    isLast = (header & 1) === 1
    const kind = kinds[(header >> 1) & 3]
    const blockSize = header >> 3
    if (kind === undefined || blockSize > maxBlock) throw malformed('a block is of an unknown kind, or too large')
    const start = at + 3
    const end = start + (kind === 'repeated' ? 1 : blockSize)
    if (end > bytes.length) throw malformed('it is cut off')
    blocks.push({ kind, start, end, size: blockSize })
    at = end
  }
  if (at !== bytes.length) throw malformed('something follows it')
  return blocks
}

const kinds = ['raw', 'repeated', 'compressed'] as const

function sizeOf(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at)
  if (bytes === 2) return view.getUint16(at, true) + 256
  return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true))
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}
