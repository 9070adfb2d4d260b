import { StasisError } from '../../../wasm-shim/errors.ts'
import { hash256, natural, one, record, type Shape, text } from '../../../wasm-shim/wasi/shapes.ts'

/**
 * A session in one file, to be sent or kept (docs/format.md):
 *
 *   header (16) | session | module | chunk ... | log ... | start | pages | image | end
 *
 * Each entry is: length of its head (u32), CRC-32 of the head (u32), the head in CBOR, its bytes; head and bytes are padded
 * to multiples of 8. It can be written and read as a stream, and is good for nothing before its end was seen.
 */
export const exportMagic: Uint8Array = Uint8Array.of(0x89, 0x53, 0x54, 0x41, 0x53, 0x45, 0x58, 0x50)
export const exportVersion = 1
export const headerSize = 16
export const maxHeadSize = 65_536

/**
 * In this order; `chunk` and `log` any number of times, one or both of `start` and `image`, `pages` only with an `image`, all
 * others once.
 */
export const entryKinds = ['session', 'module', 'chunk', 'log', 'start', 'pages', 'image', 'end'] as const
export type EntryKind = (typeof entryKinds)[number]

export interface EntryHead {
  readonly kind: EntryKind
  /** session: its name; module: its SHA-256; chunk: its address; log: the segment's name; else empty. */
  readonly name: string
  /** Bytes before compression. */
  readonly size: number
  readonly encoding: 'stored' | 'deflate'
  /** Bytes in the file, without padding. */
  readonly length: number
  /** BLAKE3 of these, 64 hexadecimal digits; of `end`, of the heads of all entries before it. */
  readonly digest: string
}

const bytesOf = natural(Number.MAX_SAFE_INTEGER)

export const entryHead: Shape<EntryHead> = record<EntryHead>({
  kind: one(entryKinds),
  name: text,
  size: bytesOf,
  encoding: one(['stored', 'deflate']),
  length: bytesOf,
  digest: hash256,
})

export function exportDamaged(message: string, offset: number, cause?: unknown): StasisError {
  const sentence = `The exported session is damaged at byte ${offset}: ${message}. Export it again, or use another copy.`
  return new StasisError('STASIS_EXPORT_DAMAGED', sentence, { offset }, cause === undefined ? undefined : { cause })
}
