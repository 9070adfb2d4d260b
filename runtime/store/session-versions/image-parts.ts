import { sectionContents } from '../../image/decode.ts'
import { type Head, readHead } from '../../image/head.ts'
import { SectionEncoding } from '../../image/layout.ts'
import { maxNoteBytes } from '../checkpoint-file/layout.ts'
import { type PackedRegion, packRegion, regionNames } from './packed-region.ts'

/** An image as it is kept: its head, with the sections as they lie in the image, and the sections as regions. */
export interface ImageParts {
  readonly head: Head
  readonly headBytes: Uint8Array
  readonly regions: readonly PackedRegion[]
}

/**
 * Takes an image apart that is given in pieces, which are not copied. undefined where it is not one that can be put together again from
 * its sections: damaged, deflated, of a newer format, or with a head that no note can hold. Such a one is kept as it is.
 */
export function takeApart(pieces: readonly Uint8Array[]): ImageParts | undefined {
  const [first = new Uint8Array(0)] = pieces
  let head: Head
  try {
    head = readHead(first)
  } catch {
    return undefined
  }
  const size = pieces.reduce((sum, { length }) => sum + length, 0)
  if (head.imageLength !== size || head.length > maxNoteBytes) return undefined
  const names = regionNames(head.sections)
  const regions: PackedRegion[] = []
  for (const [i, section] of head.sections.entries()) {
    if (section.encoding !== SectionEncoding.stored || section.rawLength !== section.length) return undefined
    const bytes = sliceOf(pieces, section.offset, section.length)
    const region = packRegion(names[i]!, section.kind, bytes)
    if (region === undefined) return undefined
    regions.push(region)
  }
  return { head, headBytes: first.slice(0, head.length), regions }
}

/** The same with all checksums looked at, and what is deflated inflated. For images from elsewhere. */
export function checkSections(image: Uint8Array): readonly Uint8Array[] {
  return readHead(image).sections.map((section) =>
    sectionContents(section, image.subarray(section.offset, section.offset + section.length)),
  )
}

/** A view of the piece that has these bytes; a copy where they are in several. */
function sliceOf(pieces: readonly Uint8Array[], offset: number, length: number): Uint8Array {
  const copy = { bytes: undefined as Uint8Array | undefined, done: 0 }
  let start = 0
  for (const piece of pieces) {
    const from = Math.max(offset + copy.done - start, 0)
    const part = piece.subarray(from, Math.max(from, offset + length - start))
    start += piece.length
    if (part.length === 0) continue
    if (part.length === length) return part
    copy.bytes ??= new Uint8Array(length)
    copy.bytes.set(part, copy.done)
    copy.done += part.length
  }
  return copy.bytes ?? new Uint8Array(0)
}
