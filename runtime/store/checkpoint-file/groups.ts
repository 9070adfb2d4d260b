import { deflateSync } from 'fflate'
import { isStasisError } from '../../../wasm-shim/errors.ts'
import { checkCodec, compressZstd, decompressZstd, inflateExactly, type PageCodec } from '../../codec/compression.ts'
import { pageSize } from '../../image/pages.ts'
import { Codec, type Crc32, maxPackedPages } from './layout.ts'
import type { Group } from './record.ts'

export interface Packed {
  readonly groups: readonly Group[]
  readonly parts: readonly Uint8Array[]
}

/** Makes groups of the pages: as few as can be of stored ones, of 64 pages each where they are to be compressed. */
export function packPages(pages: readonly Uint8Array[], codec: PageCodec, crc32: Crc32): Packed {
  const groups: Group[] = []
  const parts: Uint8Array[] = []
  const limit = codec === 'stored' ? pages.length : maxPackedPages
  for (let first = 0; first < pages.length; ) {
    let end = first + 1
    while (end < pages.length && end - first < limit && pages[end - 1]!.length === pageSize) end++
    const whole = pages.slice(first, end)
    const length = (whole.length - 1) * pageSize + whole.at(-1)!.length
    const small = compress(whole, codec)
    if (small !== undefined && small.length < length) {
      groups.push({ codec: Codec[codec], pages: whole.length, length: small.length, checksum: crc32(small) })
      parts.push(small)
    } else {
      groups.push({ codec: Codec.stored, pages: whole.length, length, checksum: 0 })
      joinNeighbours(whole, parts)
    }
    first = end
  }
  return { groups, parts }
}

function compress(pages: readonly Uint8Array[], codec: PageCodec): Uint8Array | undefined {
  if (codec === 'stored') return undefined
  const raw = new Uint8Array(pages.length * pageSize)
  pages.forEach((page, i) => {
    raw.set(page, i * pageSize)
  })
  if (codec === 'deflate') return deflateSync(raw, { level: 6 })
  checkCodec(codec)
  return compressZstd()!(raw)
}

/** The pages of a compressed group; undefined where its bytes are not these. Throws STASIS_CODEC. */
export function unpackGroup(
  { codec, pages, checksum }: Group,
  bytes: Uint8Array,
  crc32: Crc32,
): Uint8Array | undefined {
  if (crc32(bytes) !== checksum) return undefined
  try {
    return codec === Codec.zstd ? decompressZstd(bytes, pages * pageSize) : inflateExactly(bytes, pages * pageSize)
  } catch (error) {
    if (isStasisError(error)) throw error
    return undefined
  }
}

/** Pages that follow each other in memory become one part. */
function joinNeighbours(pages: readonly Uint8Array[], parts: Uint8Array[]): void {
  let first = pages[0]!
  let end = first.byteOffset
  const finish = (): void => {
    parts.push(new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset))
  }
  for (const page of pages) {
    if (page.buffer !== first.buffer || page.byteOffset !== end) {
      finish()
      first = page
    }
    end = page.byteOffset + page.length
  }
  finish()
}
