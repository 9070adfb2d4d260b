import { StasisError } from '../../../wasm-shim/errors.ts'

/**
 * Checkpoint files; docs/format.md is the specification. The data file is a header and records, one for each save:
 *
 *   header (32) | record | record | ...        record = head | payload
 *                                              head = fixed part (64) | groups | page checksums | regions | note
 *
 * The index file is a header (16) and the heads of the records. Everything is little-endian; records start at a multiple
 * of 8 bytes and heads can be read in place as 32-bit words. Checksums are CRC-32 (IEEE 802.3): what every host and a
 * few lines of C have.
 */
export const dataMagic: Uint8Array = Uint8Array.of(0x89, 0x53, 0x54, 0x41, 0x53, 0x43, 0x4b, 0x50)
export const indexMagic: Uint8Array = Uint8Array.of(0x89, 0x53, 0x54, 0x41, 0x53, 0x43, 0x4b, 0x49)
export const formatVersion = 1

export const dataHeaderSize = 32
export const indexHeaderSize = 16
export const headFixedSize = 64
/** `CKPR` */
export const recordMagic = 0x52504b43
export const groupSize = 16
export const regionFixedSize = 24
export const runSize = 12

/** Of a group of pages; each of a `PageCodec`'s name. */
export const Codec = { stored: 0, deflate: 1, zstd: 2 } as const

/** Pages of a compressed group: what has to be decompressed for one page. */
export const maxPackedPages = 64
/** Of a region's name, in UTF-8. */
export const maxNameBytes = 255
export const maxNoteBytes = 1 << 20
/** As for the memories of an image. */
export const maxRegionLength = 2 ** 34
/** A save refers to the region's whole table of pages again after so many that only tell what changed. */
export const maxDepth = 64

export type Crc32 = (bytes: Uint8Array, seed?: number) => number

export function damaged(message: string, offset: number): StasisError {
  return new StasisError(
    'STASIS_CKP_DAMAGED',
    `The checkpoint file is damaged at byte ${offset}: ${message}. Restore another version, or use a copy of the file.`,
    { offset },
  )
}

export function pagesOf(length: number): number {
  return Math.ceil(length / 4096)
}
