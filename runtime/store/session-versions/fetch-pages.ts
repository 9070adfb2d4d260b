import { pageSize } from '../../image/pages.ts'
import { type Catalog, lostCodec, type Place } from '../checkpoint-file/catalog.ts'
import { unpackGroup } from '../checkpoint-file/groups.ts'
import { Codec, damaged } from '../checkpoint-file/layout.ts'
import type { Store } from '../store.ts'
import { crc32 } from './blobs.ts'

/** Bytes read at a time, and how many such pieces are under way at once: what a reading takes in memory. */
const largestPiece = 1 << 21
const atOnce = 3
/** Bytes that nobody wants and that are read along, since another request would take longer; heads of records among them. */
const largestGap = 1 << 17

/** Bytes of the data blob that are read together: stored pages and whole compressed groups near each other. */
interface Piece {
  readonly offset: number
  readonly length: number
  /** Which of the wanted pages are in it. */
  readonly from: number
  readonly to: number
}

type GiveUp = (offset: number, at: number, count: number, why?: Error) => void
type Visit = (bytes: Uint8Array, start: number, at: number, count: number) => void

export interface PageSource {
  readonly store: Store
  readonly blob: string
  readonly catalog: Catalog
}

/**
 * Reads stored pages, ascending by number, and hands them to `visit`: `count` pages that follow each other in the list from
 * `at` on and in `bytes` from `start` on, 4,096 bytes each, to be copied before it returns. Checksums are the caller's. Of the pages of a group
 * that cannot be read it gets bytes that are hardly right; where `strict`, this throws STASIS_CKP_DAMAGED or STASIS_CODEC.
 */
export async function fetchRuns(
  { store, blob, catalog }: PageSource,
  pages: ArrayLike<number>,
  visit: Visit,
  { strict = true }: { readonly strict?: boolean } = {},
): Promise<void> {
  const pieces = piecesOf(catalog, pages)
  const roomNeeded = pieces.reduce((most, { length }) => Math.max(most, length), 0)
  const giveUp: GiveUp = (offset, at, count, why = damaged('a group of pages cannot be read', offset)) => {
    if (strict) throw why
    for (let i = 0; i < count; i++) visit(damagedPage, 0, at + i, 1)
  }
  const reader = pieces.length > 1 ? await store.open?.(blob) : undefined
  let next = 0
  const work = async (): Promise<void> => {
    const room = new Uint8Array(roomNeeded)
    while (next < pieces.length) {
      const piece = pieces[next++]!
      const range = { start: piece.offset, end: piece.offset + piece.length, into: room }
      const bytes = (await (reader?.get(range) ?? store.get(blob, range))) ?? new Uint8Array(0)
      visitPiece(piece, bytes, catalog, pages, visit, giveUp)
    }
  }
  const works = await Promise.allSettled(Array.from({ length: Math.min(atOnce, pieces.length) }, work))
  await reader?.close()
  for (const each of works) if (each.status === 'rejected') throw each.reason
}

/** The same, a page at a time. */
export function fetchPages(
  source: PageSource,
  pages: ArrayLike<number>,
  visit: (bytes: Uint8Array, at: number) => void,
  options: { readonly strict?: boolean } = {},
): Promise<void> {
  const each: Visit = (bytes, start, at, count) => {
    for (let i = 0; i < count; i++) visit(bytes.subarray(start + i * pageSize, start + (i + 1) * pageSize), at + i)
  }
  return fetchRuns(source, pages, each, options)
}

/** Has hardly the checksum of the page that it stands for. */
const damagedPage = new Uint8Array(pageSize).fill(0xdb)

const startOf = ({ offset, firstPage }: Place, page: number): number => offset + (page - firstPage) * pageSize

/** Zeros at the end of a group's last page may be left out. */
const endOf = (place: Place, page: number): number =>
  Math.min(startOf(place, page) + pageSize, place.offset + place.length)

const has = ({ firstPage, pages }: Place, page: number): boolean => page >= firstPage && page < firstPage + pages

/** What has to be read for a page: of a compressed group all of it. */
function extentOf(place: Place, page: number): { readonly start: number; readonly end: number } {
  if (place.codec === Codec.stored) return { start: startOf(place, page), end: endOf(place, page) }
  return { start: place.offset, end: place.offset + place.length }
}

function piecesOf(catalog: Catalog, pages: ArrayLike<number>): Piece[] {
  const pieces: Piece[] = []
  for (let from = 0; from < pages.length; ) {
    let place = catalog.place(pages[from]!)
    let { start: offset, end } = extentOf(place, pages[from]!)
    let to = from + 1
    for (; to < pages.length; to++) {
      const page = pages[to]!
      if (!has(place, page)) place = catalog.place(page)
      const extent = extentOf(place, page)
      if (extent.start - end > largestGap || extent.end - offset > largestPiece) break
      end = Math.max(end, extent.end)
    }
    pieces.push({ offset, length: end - offset, from, to })
    from = to
  }
  return pieces
}

function visitPiece(
  { offset, from, to }: Piece,
  bytes: Uint8Array,
  catalog: Catalog,
  pages: ArrayLike<number>,
  visit: Visit,
  giveUp: GiveUp,
): void {
  for (let at = from; at < to; ) {
    const place = catalog.place(pages[at]!)
    let end = at + 1
    while (end < to && has(place, pages[end]!)) end++
    if (place.codec === Codec.stored) visitStored(place, at, end, bytes, offset, pages, visit, giveUp)
    else {
      const packed = bytes.subarray(place.offset - offset, place.offset - offset + place.length)
      const isThere = place.codec !== lostCodec && packed.length === place.length
      const whole = isThere ? unpacked(place, packed) : undefined
      if (whole === undefined || whole instanceof Error) giveUp(place.offset, at, end - at, whole)
      else visitPacked(place, at, end, whole, pages, visit)
    }
    at = end
  }
}

function unpacked(place: Place, packed: Uint8Array): Uint8Array | undefined | Error {
  try {
    return unpackGroup(place, packed, crc32)
  } catch (error) {
    return error as Error
  }
}

/** `bytes` are those of the blob from `offset` on. */
function visitStored(
  place: Place,
  from: number,
  to: number,
  bytes: Uint8Array,
  offset: number,
  pages: ArrayLike<number>,
  visit: Visit,
  giveUp: GiveUp,
): void {
  for (let at = from; at < to; ) {
    const page = pages[at]!
    const start = startOf(place, page) - offset
    const size = endOf(place, page) - offset - start
    let count = 1
    // Where the blob ends before its time, the run ends with what there is.
    const most = size < pageSize ? 1 : Math.min(to - at, Math.floor((bytes.length - start) / pageSize))
    while (count < most && pages[at + count] === page + count && isWhole(place, page + count)) count++
    const end = start + (count - 1) * pageSize + size
    if (end > bytes.length) giveUp(offset + start, at, count)
    else if (size === pageSize) visit(bytes, start, at, count)
    else {
      const padded = new Uint8Array(pageSize)
      padded.set(bytes.subarray(start, end))
      visit(padded, 0, at, 1)
    }
    at += count
  }
}

const isWhole = (place: Place, page: number): boolean => endOf(place, page) - startOf(place, page) === pageSize

function visitPacked(
  { firstPage }: Place,
  from: number,
  to: number,
  whole: Uint8Array,
  pages: ArrayLike<number>,
  visit: Visit,
): void {
  for (let at = from; at < to; ) {
    let count = 1
    while (at + count < to && pages[at + count] === pages[at]! + count) count++
    visit(whole, (pages[at]! - firstPage) * pageSize, at, count)
    at += count
  }
}
