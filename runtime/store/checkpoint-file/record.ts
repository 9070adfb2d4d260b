import {
  type Crc32,
  damaged,
  groupSize,
  headFixedSize,
  maxNameBytes,
  maxNoteBytes,
  recordMagic,
  regionFixedSize,
  runSize,
} from './layout.ts'

/** Pages that are stored together. */
export interface Group {
  readonly codec: number
  readonly pages: number
  /** Bytes in the file. Of stored pages the zeros at the end of the last one may be left out. */
  readonly length: number
  /** Of the bytes in the file, where they are compressed; else 0: the pages have theirs. */
  readonly checksum: number
}

export interface RegionEntry {
  readonly name: string
  /** Bytes. */
  readonly length: number
  /** Number of the region's version, from 1. */
  readonly version: number
  /** The region's version that `runs` tell the difference to; 0: to nothing but zeros. */
  readonly base: number
  /** Three words each: first page, number of pages, number of the first one's stored page or 0 for zeros. */
  readonly runs: Uint32Array
}

/** A save, or the removal of versions: then the note is their numbers, 8 bytes each, and nothing else is there. */
export const RecordKind = { save: 0, removal: 1 } as const

/** What a record says of itself, but for its payload. */
export interface RecordHead {
  /** Default: a save. */
  readonly kind?: number
  /** Number of the file's version; of a removal, that of the newest. */
  readonly version: number
  /** Milliseconds since the Unix epoch; 0 where it is not known. */
  readonly time: number
  /** Checksum of the head before, or of the file's header. */
  readonly previous: number
  /** Number of the first page stored here; they count from 1 through the file. */
  readonly firstPage: number
  readonly groups: readonly Group[]
  /** One for each stored page, which is filled up to 4 KiB with zeros. */
  readonly pageChecksums: Uint32Array
  readonly regions: readonly RegionEntry[]
  readonly note: Uint8Array
}

export interface ReadHead extends RecordHead {
  readonly headLength: number
  /** A multiple of 8. */
  readonly payloadLength: number
  readonly checksum: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const align4 = (size: number): number => Math.ceil(size / 4) * 4
export const align8 = (size: number): number => Math.ceil(size / 8) * 8

export function encodeName(name: string): Uint8Array {
  return encoder.encode(name)
}

export function encodeHead(head: RecordHead, crc32: Crc32): Uint8Array {
  const names = head.regions.map(({ name }) => encodeName(name))
  const regionBytes = head.regions.reduce(
    (sum, { runs }, i) => sum + regionFixedSize + align4(names[i]!.length) + runs.byteLength,
    0,
  )
  const plain = headFixedSize + head.groups.length * groupSize + head.pageChecksums.byteLength + regionBytes
  const bytes = new Uint8Array(align8(plain + head.note.length))
  const view = new DataView(bytes.buffer)
  const words = new Uint32Array(bytes.buffer)
  const payload = align8(head.groups.reduce((sum, { length }) => sum + length, 0))
  view.setBigUint64(8, BigInt(payload), true)
  view.setBigUint64(16, BigInt(head.version), true)
  view.setBigUint64(24, BigInt(head.time), true)
  words[0] = recordMagic
  words[1] = bytes.length
  words.set([head.previous, head.regions.length, head.groups.length, head.pageChecksums.length, head.firstPage], 8)
  words[13] = head.note.length
  words[14] = head.kind ?? RecordKind.save
  let at = headFixedSize / 4
  for (const { codec, pages, length, checksum } of head.groups) {
    words.set([codec, pages, length, checksum], at)
    at += groupSize / 4
  }
  words.set(head.pageChecksums, at)
  at += head.pageChecksums.length
  head.regions.forEach(({ length, version, base, runs }, i) => {
    const name = names[i]!
    words.set([name.length, runs.length / 3], at)
    view.setBigUint64(at * 4 + 8, BigInt(length), true)
    words.set([version, base], at + 4)
    bytes.set(name, at * 4 + regionFixedSize)
    at += (regionFixedSize + align4(name.length)) / 4
    words.set(runs, at)
    at += runs.length
  })
  bytes.set(head.note, plain)
  words[15] = headChecksum(bytes, crc32)
  return bytes
}

function headChecksum(bytes: Uint8Array, crc32: Crc32): number {
  return crc32(bytes.subarray(headFixedSize), crc32(bytes.subarray(0, headFixedSize - 4)))
}

/** What the fixed part says of the lengths; undefined where it is none, or cannot be followed by `remaining` bytes in all. */
export function measureHead(fixed: Uint8Array): { headLength: number; payloadLength: number } | undefined {
  const view = new DataView(fixed.buffer, fixed.byteOffset, headFixedSize)
  const headLength = view.getUint32(4, true)
  const payloadLength = Number(view.getBigUint64(8, true))
  const isOne =
    view.getUint32(0, true) === recordMagic &&
    headLength >= headFixedSize &&
    headLength % 8 === 0 &&
    payloadLength % 8 === 0 &&
    Number.isSafeInteger(payloadLength)
  return isOne ? { headLength, payloadLength } : undefined
}

/** Whether the checksum of a head is right. `bytes` is the whole head. */
export function isWhole(bytes: Uint8Array, crc32: Crc32): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getUint32(60, true) === headChecksum(bytes, crc32)
}

/**
 * Decodes a whole head, whose checksum was found to be right. `bytes` must lie on a word's boundary and stay as they are:
 * runs and checksums are views of them. `offset` is its place in the data file, for errors. Throws STASIS_CKP_DAMAGED for
 * what contradicts itself; whether it fits what came before is the catalog's to say.
 */
export function decodeHead(bytes: Uint8Array, offset: number): ReadHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = bytes.length
  let at = headFixedSize
  const fail = (message: string): never => {
    throw damaged(message, offset + at)
  }
  const take = (size: number, what: string): number => {
    if (size > end - at) fail(`${what} need ${size} bytes and ${end - at} remain`)
    at += size
    return at - size
  }
  const words = (count: number, what: string): Uint32Array => {
    const from = take(count * 4, what)
    return new Uint32Array(bytes.buffer, bytes.byteOffset + from, count)
  }
  const whole = (from: number): number => {
    const value = Number(view.getBigUint64(from, true))
    return Number.isSafeInteger(value) ? value : fail('a number is too large')
  }
  const counts = new Uint32Array(bytes.buffer, bytes.byteOffset + 32, 7)
  const [previous, regionCount, groupCount, pageCount, firstPage, noteLength, kind] = counts as unknown as number[]
  if (kind !== RecordKind.save && kind !== RecordKind.removal) fail('a record is of an unknown kind')
  if (noteLength! > maxNoteBytes) fail(`a note has ${noteLength} bytes`)
  const groupWords = words(groupCount! * (groupSize / 4), 'groups')
  const groups: Group[] = []
  for (let i = 0; i < groupWords.length; i += 4) {
    const [codec, pages, length, checksum] = groupWords.subarray(i, i + 4) as unknown as [
      number,
      number,
      number,
      number,
    ]
    groups.push({ codec, pages, length, checksum })
  }
  const pageChecksums = words(pageCount!, 'page checksums')
  const regions: RegionEntry[] = []
  for (let i = 0; i < regionCount!; i++) {
    const from = take(regionFixedSize, 'regions')
    const nameLength = view.getUint32(from, true)
    const runCount = view.getUint32(from + 4, true)
    if (nameLength === 0 || nameLength > maxNameBytes) fail(`a region's name has ${nameLength} bytes`)
    const nameAt = take(align4(nameLength), 'a name')
    if (!isZero(bytes, nameAt + nameLength, at)) fail('the bytes behind a name are not 0')
    let name = ''
    try {
      name = decoder.decode(bytes.subarray(nameAt, nameAt + nameLength))
    } catch {
      fail('a name is not UTF-8')
    }
    regions.push({
      name,
      length: whole(from + 8),
      version: view.getUint32(from + 16, true),
      base: view.getUint32(from + 20, true),
      runs: words(runCount * (runSize / 4), 'runs'),
    })
  }
  const noteAt = take(noteLength!, 'a note')
  const note = bytes.subarray(noteAt, at)
  if (align8(at) !== end || !isZero(bytes, at, end)) fail('something follows the note')
  return {
    kind: kind!,
    headLength: end,
    payloadLength: whole(8),
    version: whole(16),
    time: whole(24),
    previous: previous!,
    firstPage: firstPage!,
    groups,
    pageChecksums,
    regions,
    note,
    checksum: view.getUint32(60, true),
  }
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}
