import { sameBytes } from '../../wasm-shim/bytes/arrays.ts'
import { headChecksum } from './encode.ts'
import {
  align8,
  damaged,
  entrySize,
  foreign,
  formatVersion,
  headChecksumAt,
  headerSize,
  magic,
  maxManifestSize,
  maxSections,
  type SectionEntry,
  unknownVersion,
} from './layout.ts'
import { decodeManifest, type Manifest } from './manifest.ts'

/** A row of the section table with its place in the image. */
export interface PlacedSection extends SectionEntry {
  readonly offset: number
  readonly checksum: Uint8Array
}

export interface Head {
  readonly manifest: Manifest
  readonly sections: readonly PlacedSection[]
  /** Bytes of the head, and of the image it describes. */
  readonly length: number
  readonly imageLength: number
}

/**
 * Reads and verifies the head; `bytes` may end anywhere after it. Throws STASIS_IMAGE_FOREIGN, STASIS_IMAGE_VERSION or
 * STASIS_IMAGE_DAMAGED.
 */
export function readHead(bytes: Uint8Array): Head {
  const { manifestLength, tableAt, length } = readHeader(bytes)
  const head = bytes.subarray(0, length)
  if (head.length < length) throw damaged(`the head is ${length} bytes long and the file ends in it`, head.length)
  if (!sameBytes(headChecksum(head), head.subarray(headChecksumAt, headerSize))) {
    throw damaged('the checksum of the head is wrong', headChecksumAt)
  }
  if (head.subarray(headerSize + manifestLength, tableAt).some((byte) => byte !== 0)) {
    throw damaged('the padding after the manifest is not zero', headerSize + manifestLength)
  }
  const manifest = decodeManifest(head.subarray(headerSize, headerSize + manifestLength))
  return { manifest, ...readTable(head, tableAt), length }
}

/** Bytes of the head, of which at least the first 32 are given. Throws as `readHead`. */
export function headLength(bytes: Uint8Array): number {
  return readHeader(bytes).length
}

function readHeader(bytes: Uint8Array): { manifestLength: number; tableAt: number; length: number } {
  const known = Math.min(bytes.length, magic.length)
  if (bytes.length === 0) throw foreign('it is empty')
  if (!sameBytes(bytes.subarray(0, known), magic.subarray(0, known))) {
    throw foreign('it does not begin with the eight bytes 89 53 54 41 53 49 53 0A')
  }
  if (bytes.length < headerSize) throw damaged('the file ends inside the header', bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint32(8, true)
  if (version !== formatVersion) throw unknownVersion(version)
  const manifestLength = view.getUint32(12, true)
  if (manifestLength > maxManifestSize) throw damaged(`the manifest would be ${manifestLength} bytes long`, 12)
  const count = view.getUint32(16, true)
  if (count > maxSections) throw damaged(`there would be ${count} sections`, 16)
  if (view.getUint32(20, true) !== 0) throw damaged('a reserved field is not zero', 20)
  const tableAt = headerSize + align8(manifestLength)
  return { manifestLength, tableAt, length: tableAt + count * entrySize }
}

function readTable(head: Uint8Array, tableAt: number): { sections: PlacedSection[]; imageLength: number } {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const sections: PlacedSection[] = []
  let offset = head.length
  const size = (at: number): number => {
    const value = view.getBigUint64(at, true)
    if (value > BigInt(Number.MAX_SAFE_INTEGER) - BigInt(offset)) throw damaged(`a section is ${value} bytes long`, at)
    return Number(value)
  }
  for (let at = tableAt; at < head.length; at += entrySize) {
    const section: PlacedSection = {
      kind: view.getUint32(at, true),
      instance: view.getUint32(at + 4, true),
      index: view.getUint32(at + 8, true),
      encoding: view.getUint32(at + 12, true),
      length: size(at + 16),
      rawLength: size(at + 24),
      checksum: head.subarray(at + 32, at + entrySize),
      offset,
    }
    sections.push(section)
    offset += align8(section.length)
  }
  return { sections, imageLength: offset }
}
