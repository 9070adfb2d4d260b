import { StasisError } from '../../wasm-shim/errors.ts'

/**
 * The frame of an image; docs/format.md is the specification.
 *
 *   header (32 bytes) | manifest (CBOR) | section table (40 bytes each) || section 0 | section 1 | ...
 *   '---------------------- head --------------------------------------'  '-------- body -------'
 *
 * Everything is little-endian and starts at a multiple of 8, so that words can be read in place. The head is written
 * last: it holds the checksums.
 */
export const magic: Uint8Array = Uint8Array.of(0x89, 0x53, 0x54, 0x41, 0x53, 0x49, 0x53, 0x0a)
export const formatVersion = 1

export const headerSize = 32
export const entrySize = 40
/** Offset of the head's checksum in the header; it covers the head but itself. */
export const headChecksumAt = 24

/** Far above any real manifest (about 400 bytes), far below anything that hurts. */
export const maxManifestSize = 1 << 20
/** A section is a memory, table, stack and so on: a module with more of them than this is not one we can run. */
export const maxSections = 1 << 16
/** Bytes of a terminal's last output: some thousand lines, and little beside the memory of any program. */
export const maxScreen = 1 << 18

export const SectionKind = {
  memory: 1,
  globals: 2,
  table: 3,
  stack: 4,
  kernel: 5,
  input: 6,
  files: 7,
  content: 8,
  screen: 9,
} as const
export type SectionKindName = keyof typeof SectionKind
export const sectionNames: readonly (SectionKindName | undefined)[] = [
  undefined,
  'memory',
  'globals',
  'table',
  'stack',
  'kernel',
  'input',
  'files',
  'content',
  'screen',
]

export const SectionEncoding = { stored: 0, deflate: 1 } as const

/** One row of the section table but its checksum. */
export interface SectionEntry {
  readonly kind: number
  /** Core instance (memory, globals, table); else 0. */
  readonly instance: number
  /** Number of the memory, table or stack; else 0. */
  readonly index: number
  readonly encoding: number
  /** Bytes in the file. */
  readonly length: number
  /** Bytes after decoding; equals `length` where the section is stored as it is. */
  readonly rawLength: number
}

export function align8(size: number): number {
  return Math.ceil(size / 8) * 8
}

export function damaged(message: string, offset: number, cause?: unknown): StasisError {
  return new StasisError(
    'STASIS_IMAGE_DAMAGED',
    `The checkpoint image is damaged at byte ${offset}: ${message}. Use another version or copy of this checkpoint.`,
    { offset },
    cause === undefined ? undefined : { cause },
  )
}

export function foreign(message: string): StasisError {
  return new StasisError('STASIS_IMAGE_FOREIGN', `This is not a Stasis checkpoint image: ${message}.`, { offset: 0 })
}

export function unknownVersion(version: number): StasisError {
  return new StasisError(
    'STASIS_IMAGE_VERSION',
    `The checkpoint image has format version ${version}, and this build of Stasis reads version ${formatVersion}. ` +
      'Restore it with the Stasis that wrote it, or a newer one.',
    { offset: 8, version, supported: formatVersion },
  )
}
