import { decode, encode } from 'cborg'
import { StasisError } from '../../wasm-shim/errors.ts'
import { fromBase64, toBase64 } from '../bytes/base64.ts'
import { sectionContents } from './decode.ts'
import { buildImage } from './encode.ts'
import { readHead } from './head.ts'
import { headerSize, SectionEncoding, SectionKind, sectionNames } from './layout.ts'
import { decodeManifest } from './manifest.ts'
import { bitmapSize, pageSize } from './pages.ts'

/**
 * All of an image as JSON, for editors and scripts; `imageFromJson` makes the same bytes of it (where sections are
 * deflated, if this build deflated them). Sections are generic, so that
 * every kind is there; words are shown as numbers, memories by their pages, all else as base64.
 */
export interface WholeImageJson {
  readonly stasis: 'checkpoint image'
  readonly format: 1
  /** As docs/format.md describes it. */
  readonly manifest: unknown
  readonly sections: readonly WholeSection[]
}

export interface WholeSection {
  /** Its name, or the number of a kind that has none. */
  readonly kind: string | number
  readonly instance: number
  readonly index: number
  readonly deflated?: true
  /** Globals and tables. */
  readonly words?: readonly number[]
  /** Memories: bytes in all, and the pages of 4 KiB that are not zeros, by number, in base64. */
  readonly size?: number
  readonly pages?: Readonly<Record<string, string>>
  /** Everything else. */
  readonly base64?: string
}

/** Throws STASIS_IMAGE_* where the image is damaged. */
export function imageToJson(image: Uint8Array): WholeImageJson {
  const { sections } = readHead(image)
  const manifestLength = new DataView(image.buffer, image.byteOffset).getUint32(12, true)
  const manifest = decode(image.subarray(headerSize, headerSize + manifestLength)) as unknown
  return {
    stasis: 'checkpoint image',
    format: 1,
    manifest,
    sections: sections.map((section): WholeSection => {
      const { kind, instance, index, encoding, offset, length } = section
      const contents = sectionContents(section, image.subarray(offset, offset + length))
      return {
        kind: sectionNames[kind] ?? kind,
        ...{ instance, index },
        ...(encoding === SectionEncoding.deflate && { deflated: true }),
        ...contentsToJson(kind, contents),
      }
    }),
  }
}

function contentsToJson(kind: number, contents: Uint8Array): Partial<WholeSection> {
  const isWords = kind === SectionKind.globals || kind === SectionKind.table
  if (isWords && contents.length % 4 === 0) return { words: [...new Uint32Array(new Uint8Array(contents).buffer)] }
  return (kind === SectionKind.memory ? memoryToJson(contents) : undefined) ?? { base64: toBase64(contents) }
}

/** undefined for what is no memory section after all. */
function memoryToJson(contents: Uint8Array): Partial<WholeSection> | undefined {
  if (contents.length < 8) return undefined
  const size = Number(new DataView(contents.buffer, contents.byteOffset).getBigUint64(0, true))
  const pages: Record<string, string> = {}
  let at = 8 + bitmapSize(size)
  if (!Number.isSafeInteger(size) || at > contents.length) return undefined
  for (let page = 0; page * pageSize < size; page++) {
    if ((contents[8 + (page >> 3)]! & (1 << (page & 7))) === 0) continue
    const end = at + Math.min(pageSize, size - page * pageSize)
    pages[page] = toBase64(contents.subarray(at, end))
    at = end
  }
  return at === contents.length ? { size, pages } : undefined
}

/** The image that a JSON text tells. Throws STASIS_IMAGE_JSON where it is none. */
export function imageFromJson(json: unknown): Uint8Array {
  const whole = json as WholeImageJson
  if (whole?.stasis !== 'checkpoint image' || whole.format !== 1 || !Array.isArray(whole.sections)) {
    throw noImage('it is not what "stasis inspect NAME --json --full" prints')
  }
  const sections = whole.sections.map((section: WholeSection, i) => {
    const number = typeof section.kind === 'number' ? section.kind : sectionNames.indexOf(section.kind as 'memory')
    if (!isCount(number) || number === 0 || !isCount(section.instance) || !isCount(section.index)) {
      throw noImage(`section ${i} has no kind, instance or index`)
    }
    const contents = contentsFromJson(section)
    if (contents === undefined) throw noImage(`section ${i} has no contents that can be read`)
    return {
      kind: number,
      instance: section.instance,
      index: section.index,
      contents,
      isDeflated: section.deflated === true,
    }
  })
  const manifest = encode(whole.manifest)
  decodeManifest(manifest)
  return buildImage(manifest, sections)
}

function contentsFromJson({ words, size, pages, base64 }: WholeSection): Uint8Array | undefined {
  if (Array.isArray(words)) return new Uint8Array(Uint32Array.from(words as number[]).buffer)
  if (typeof base64 === 'string') return fromBase64(base64)
  return isCount(size) && typeof pages === 'object' && pages !== null ? memoryFromJson(size, pages) : undefined
}

function memoryFromJson(size: number, pages: Readonly<Record<string, string>>): Uint8Array | undefined {
  const numbers = Object.keys(pages)
    .map(Number)
    .sort((a, b) => a - b)
  const parts = numbers.map((page) => fromBase64(pages[page]!))
  const bitmap = bitmapSize(size)
  const isWhole = numbers.every(
    (page, i) => isCount(page) && parts[i]?.length === Math.min(pageSize, size - page * pageSize),
  )
  if (!isWhole) return undefined
  const contents = new Uint8Array(8 + bitmap + parts.reduce((sum, part) => sum + part!.length, 0))
  new DataView(contents.buffer).setBigUint64(0, BigInt(size), true)
  let at = 8 + bitmap
  numbers.forEach((page, i) => {
    contents[8 + (page >> 3)]! |= 1 << (page & 7)
    contents.set(parts[i]!, at)
    at += parts[i]!.length
  })
  return contents
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function noImage(why: string): StasisError {
  return new StasisError('STASIS_IMAGE_JSON', `This JSON is no checkpoint image: ${why}.`)
}
