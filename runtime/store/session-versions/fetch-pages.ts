import { pageSize } from '../../image/pages.ts'
import { type Catalog, lostCodec, type Place } from '../checkpoint-file/catalog.ts'
import { unpackGroup } from '../checkpoint-file/groups.ts'
import { Codec, damaged } from '../checkpoint-file/layout.ts'
import type { Store } from '../store.ts'
import { crc32, getRange } from './blobs.ts'

/** Bytes read at a time, and how many such pieces are under way at once: what a reading takes in memory. */
const largestPiece = 1 << 22
const atOnce = 3
/** Pages that nobody wants and that are read along, since another request would take longer. */
const largestGap = 32

interface Piece {
  readonly place: Place
  /** Bytes in the data blob. */
  readonly offset: number
  readonly length: number
  /** Stored page that it begins with. */
  readonly page: number
  /** Which of the wanted ones are in it. */
  readonly from: number
  readonly to: number
}

/**
 * Reads stored pages, ascending by number, and hands each to `visit` with its place in the list. `visit` gets 4,096 bytes, to
 * be copied; of the pages of a group that cannot be read, undefined. Checksums are the caller's. Throws
 * STASIS_CKP_DAMAGED where `strict`.
 */
export async function fetchPages(
  { store, blob, catalog }: { readonly store: Store; readonly blob: string; readonly catalog: Catalog },
  pages: ArrayLike<number>,
  visit: (bytes: Uint8Array, at: number) => void,
  { strict = true }: { readonly strict?: boolean } = {},
): Promise<void> {
  const pieces = piecesOf(catalog, pages)
  let next = 0
  const work = async (): Promise<void> => {
    while (next < pieces.length) {
      const piece = pieces[next++]!
      const read = await getRange(store, blob, piece.offset, piece.length)
      const bytes = unpack(piece, read)
      if (bytes === undefined && strict) throw damaged('a group of pages cannot be read', piece.offset)
      for (let at = piece.from; at < piece.to; at++) {
        const start = (pages[at]! - piece.page) * pageSize
        visit(bytes === undefined ? damagedPage : bytes.subarray(start, start + pageSize), at)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, pieces.length) }, work))
}

/** Has hardly the checksum of the page that it stands for. */
const damagedPage = new Uint8Array(pageSize).fill(0xdb)

function piecesOf(catalog: Catalog, pages: ArrayLike<number>): Piece[] {
  const pieces: Piece[] = []
  for (let from = 0; from < pages.length; ) {
    const place = catalog.place(pages[from]!)
    const page = place.codec === Codec.stored ? pages[from]! : place.firstPage
    const end = Math.min(place.firstPage + place.pages, page + largestPiece / pageSize)
    let to = from + 1
    while (to < pages.length && pages[to]! < end && pages[to]! - pages[to - 1]! <= largestGap) to++
    if (place.codec === Codec.stored) {
      const start = (page - place.firstPage) * pageSize
      const length = Math.min((pages[to - 1]! + 1 - page) * pageSize, place.length - start)
      pieces.push({ place, offset: place.offset + start, length, page, from, to })
    } else pieces.push({ place, offset: place.offset, length: place.length, page, from, to })
    from = to
  }
  return pieces
}

/** undefined where the bytes are not the pages that they should be. */
function unpack({ place, length, page, offset }: Piece, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length !== length || place.codec === lostCodec) return undefined
  if (place.codec === Codec.stored) {
    const isLast = offset + length === place.offset + place.length
    const whole = isLast ? (place.firstPage + place.pages - page) * pageSize : length
    if (whole === length) return bytes
    const padded = new Uint8Array(whole)
    padded.set(bytes)
    return padded
  }
  return unpackGroup(place, bytes, crc32)
}
