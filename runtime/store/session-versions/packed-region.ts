import type { PlacedSection } from '../../image/head.ts'
import { SectionKind, sectionNames } from '../../image/layout.ts'
import { bitmapSize, pageSize } from '../../image/pages.ts'
import { pagesOf } from '../checkpoint-file/layout.ts'

/** A section of an image as a region of pages: of a memory all of its pages, of any other section its bytes. */
export interface PackedRegion {
  readonly name: string
  /** Bytes of the region. */
  readonly length: number
  /** Where each page lies in `bytes`, plus 1; 0: it is zeros. Absent where they follow each other. */
  readonly places?: Float64Array
  readonly bytes: Uint8Array
}

/** By what a section is; where an image has several that are the same, by their order. */
export function regionNames(sections: readonly Pick<PlacedSection, 'kind' | 'instance' | 'index'>[]): string[] {
  const seen = new Map<string, number>()
  return sections.map(({ kind, instance, index }) => {
    const name = `${sectionNames[kind] ?? kind}/${instance}/${index}`
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    return count === 0 ? name : `${name}/${count}`
  })
}

/** `contents` of a memory must be one whose bitmap and pages have the lengths that they claim, else undefined. */
export function packRegion(name: string, kind: number, contents: Uint8Array): PackedRegion | undefined {
  if (kind !== SectionKind.memory) return { name, length: contents.length, bytes: contents }
  if (contents.length < 8) return undefined
  const length = Number(new DataView(contents.buffer, contents.byteOffset).getBigUint64(0, true))
  const bitmapLength = bitmapSize(length)
  if (!Number.isSafeInteger(length) || bitmapLength > contents.length - 8) return undefined
  const places = new Float64Array(pagesOf(length))
  let at = 8 + bitmapLength
  for (let page = 0; page < places.length; page++) {
    if ((contents[8 + (page >> 3)]! & (1 << (page & 7))) === 0) continue
    places[page] = at + 1
    at += Math.min(pageSize, length - page * pageSize)
  }
  return at === contents.length ? { name, length, places, bytes: contents } : undefined
}

/** undefined where it is zeros and not there. */
export function pageOf({ places, bytes, length }: PackedRegion, page: number): Uint8Array | undefined {
  const start = places === undefined ? page * pageSize : places[page]! - 1
  if (start < 0) return undefined
  return bytes.subarray(start, start + Math.min(pageSize, length - page * pageSize))
}

/** Whether it is the same memory: what a session has handed over once is not changed any more. */
export function isSameMemory(a: PackedRegion, b: PackedRegion): boolean {
  return (
    a.bytes.buffer === b.bytes.buffer && a.bytes.byteOffset === b.bytes.byteOffset && a.bytes.length === b.bytes.length
  )
}

/**
 * Whether pages from `first` up to `end` are whole and the same in both; false also where that would take more than one
 * comparison.
 */
export function isSameRun(
  a: PackedRegion,
  b: PackedRegion,
  first: number,
  end: number,
  equal: (a: Uint8Array, b: Uint8Array) => boolean,
): boolean {
  if (end * pageSize > Math.min(a.length, b.length)) return false
  const [ours, theirs] = [runOf(a, first, end), runOf(b, first, end)]
  return ours !== undefined && theirs !== undefined && ours.length === theirs.length && equal(ours, theirs)
}

/** The pages' bytes; undefined where one of them is zeros and not there, or is stored page by page. */
function runOf({ places, bytes }: PackedRegion, first: number, end: number): Uint8Array | undefined {
  const size = (end - first) * pageSize
  if (places === undefined) return bytes.subarray(first * pageSize, first * pageSize + size)
  const start = places[first]!
  if (start === 0 || places[end - 1] !== start + (end - 1 - first) * pageSize) return undefined
  return bytes.subarray(start - 1, start - 1 + size)
}
