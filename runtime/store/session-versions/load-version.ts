import { StasisError } from '../../../wasm-shim/errors.ts'
import { type Head, type PlacedSection, readHead } from '../../image/head.ts'
import { SectionEncoding, SectionKind } from '../../image/layout.ts'
import { bitmapSize, pageSize } from '../../image/pages.ts'
import type { SavedRecord, SavedRegion } from '../checkpoint-file/catalog.ts'
import { damaged } from '../checkpoint-file/layout.ts'
import { readHead as readRecord } from '../checkpoint-file/read-head.ts'
import { readAsync } from '../checkpoint-file/reading.ts'
import { decodeHead } from '../checkpoint-file/record.ts'
import type { Store } from '../store.ts'
import { blobsOf, crc32, readerOf } from './blobs.ts'
import { fetchRuns } from './fetch-pages.ts'
import { regionNames } from './packed-region.ts'
import type { SessionFile } from './session-file.ts'

/**
 * The image that was saved as a version, byte for byte. What is damaged in its pages is found by whoever decodes it: the
 * image has checksums of its own. Throws STASIS_CKP_DAMAGED or STASIS_IMAGE_* where it cannot be put together; undefined
 * where the file was replaced meanwhile.
 */
export async function loadVersion(
  store: Store,
  session: string,
  file: SessionFile,
  record: SavedRecord,
): Promise<Uint8Array | undefined> {
  const head = readHead(record.head.note)
  const places = placesOf(head, record, file)
  const image = allocate(head.imageLength)
  image.set(record.head.note)
  for (const { section, table, region } of places) {
    if (section.kind === SectionKind.memory) putBitmap(image, section, table, region.length)
  }
  await fillIn(store, session, file, places, image, 0)
  return (await isSame(store, session, file)) ? image : undefined
}

/** The contents of one section, which is no memory; undefined where there is none of that kind. */
export async function loadSection(
  store: Store,
  session: string,
  file: SessionFile,
  record: SavedRecord,
  kind: number,
): Promise<{ readonly section: PlacedSection; readonly stored: Uint8Array } | undefined> {
  const head = readHead(record.head.note)
  const place = placesOf(head, record, file).find(({ section }) => section.kind === kind)
  if (place === undefined) return undefined
  const stored = allocate(place.section.length)
  await fillIn(store, session, file, [place], stored, place.section.offset)
  return { section: place.section, stored }
}

interface Place {
  readonly section: PlacedSection
  readonly region: SavedRegion
  readonly table: Uint32Array
}

/** Each section with its region. Throws STASIS_CKP_DAMAGED where the two do not fit. */
function placesOf(head: Head, { head: { version, note }, offset }: SavedRecord, { catalog }: SessionFile): Place[] {
  if (head.length !== note.length) throw damaged('a note is more than the head of an image', offset)
  const names = regionNames(head.sections)
  return head.sections.map((section, i) => {
    const region = catalog.regions.get(names[i]!)?.find(({ fileVersion }) => fileVersion === version)
    if (region === undefined) throw damaged(`the region ${names[i]} is missing`, offset)
    const table = catalog.table(region)
    const place = { section, region, table }
    if (section.encoding !== SectionEncoding.stored || lengthOf(place) !== section.length) {
      throw damaged(`the region ${names[i]} has another length than the image says`, offset)
    }
    return place
  })
}

function lengthOf({ section, region, table }: Place): number {
  if (section.kind !== SectionKind.memory) return region.length
  let data = 0
  for (let page = 0; page < table.length; page++) {
    if (table[page] !== 0) data += Math.min(pageSize, region.length - page * pageSize)
  }
  return 8 + bitmapSize(region.length) + data
}

function putBitmap(image: Uint8Array, { offset }: PlacedSection, table: Uint32Array, length: number): void {
  new DataView(image.buffer).setBigUint64(offset, BigInt(length), true)
  for (let page = 0; page < table.length; page++) {
    if (table[page] !== 0) image[offset + 8 + (page >> 3)]! |= 1 << (page & 7)
  }
}

/** Reads the pages of the places into `bytes`, which is the image from `origin` on. */
async function fillIn(
  store: Store,
  session: string,
  { catalog }: SessionFile,
  places: readonly Place[],
  bytes: Uint8Array,
  origin: number,
): Promise<void> {
  const { pages, offsets, lengths } = targetsOf(places, catalog.pages)
  await fetchRuns({ store, blob: blobsOf(session).data, catalog }, pages, (read, start, at, count) => {
    for (let i = 0; i < count; ) {
      const offset = offsets[at + i]!
      let end = offset + lengths[at + i]!
      const first = i++
      while (i < count && offsets[at + i] === end && end - offset === (i - first) * pageSize) {
        end += lengths[at + i++]!
      }
      const from = start + first * pageSize
      bytes.set(read.subarray(from, from + end - offset), offset - origin)
    }
  })
}

/** Which stored pages are wanted, ascending, and where in the image each belongs: as many numbers as there are pages, in columns. */
interface Targets {
  readonly pages: Uint32Array
  readonly offsets: Float64Array
  readonly lengths: Uint16Array
}

/** Sorted by counting, since tens of thousands of pages are in any order after many versions. `count`: stored pages in the file. */
function targetsOf(places: readonly Place[], count: number): Targets {
  const ends = new Uint32Array(count + 1)
  for (const { table } of places) for (const page of table) if (page !== 0) ends[page]!++
  for (let page = 1; page <= count; page++) ends[page]! += ends[page - 1]!
  const total = ends[count]!
  const [pages, offsets, lengths] = [new Uint32Array(total), new Float64Array(total), new Uint16Array(total)]
  for (const { section, table, region } of places) {
    const isMemory = section.kind === SectionKind.memory
    let offset = section.offset + (isMemory ? 8 + bitmapSize(region.length) : 0)
    for (let at = 0; at < table.length; at++) {
      const page = table[at]!
      const length = Math.min(pageSize, region.length - at * pageSize)
      if (page !== 0) {
        const to = --ends[page]!
        pages[to] = page
        offsets[to] = offset
        lengths[to] = length
      }
      if (page !== 0 || !isMemory) offset += length
    }
  }
  return { pages, offsets, lengths }
}

function allocate(size: number): Uint8Array {
  try {
    return new Uint8Array(size)
  } catch (cause) {
    const message = `There is no memory for an image of ${size} bytes. Give the host more.`
    throw new StasisError('STASIS_IMAGE_MEMORY', message, { size }, { cause })
  }
}

/** Whether the data is still that of the catalog. A fresh file has other heads, or is shorter. */
async function isSame(store: Store, session: string, { catalog, sizes }: SessionFile): Promise<boolean> {
  const newest = catalog.records.at(-1)!
  const bytes = await readAsync(readRecord(newest.offset, catalog.end, crc32), readerOf(store, session))
  if (bytes !== undefined) return decodeHead(bytes, newest.offset).checksum === newest.head.checksum
  const [blob] = await store.list(blobsOf(session).data)
  return blob !== undefined && blob.size >= sizes.data
}
