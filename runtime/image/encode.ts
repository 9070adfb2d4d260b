import { deflateSync } from 'fflate'
import { invariant } from '../../wasm-shim/errors.ts'
import type { CarriedFiles, ContentSource } from '../../wasm-shim/wasi/carried.ts'
import { checksum, checksumInSlices } from './checksum.ts'
import { encodeFiles } from './files.ts'
import {
  align8,
  entrySize,
  formatVersion,
  headChecksumAt,
  headerSize,
  magic,
  SectionEncoding,
  type SectionEntry,
  SectionKind,
} from './layout.ts'
import { encodeManifest, type Manifest, manifestOf } from './manifest.ts'
import type { Checkpoint } from './model.ts'
import { packedSize, packMemory, scanPages } from './pages.ts'
import { encodeStack } from './stack.ts'
import { scanMemory } from './zero-scan.ts'

/** The body of an image and what the head must say of it. `bytes.buffer` is the body alone, so it can be transferred. */
export interface Body {
  readonly bytes: Uint8Array
  readonly sections: readonly SectionEntry[]
  /** Of the one section, where it is known. */
  readonly sum?: Uint8Array
}

export type CheckpointState = Pick<Checkpoint, 'instances' | 'stacks' | 'kernel' | 'input' | 'screen'> & {
  readonly files?: CarriedFiles<Uint8Array | ContentSource>
}

export interface EncodeOptions {
  /** 'none' (default) is made at the speed of a copy; 'deflate' is for images that travel. */
  readonly compression?: 'none' | 'deflate'
}

/** The bytes of an image as docs/format.md specifies them. The same checkpoint gives the same bytes. */
export function encodeCheckpoint(
  checkpoint: Omit<Checkpoint, 'files'> & CheckpointState,
  options: EncodeOptions = {},
): Uint8Array {
  const packed = packBody(checkpoint)
  const body = options.compression === 'deflate' ? deflateBody(packed) : packed
  const head = encodeHead(manifestOf(checkpoint), body)
  const image = new Uint8Array(head.length + body.bytes.length)
  image.set(head)
  image.set(body.bytes, head.length)
  return image
}

interface Part {
  readonly kind: number
  readonly instance: number
  readonly index: number
  readonly size: number
  readonly write: (target: Uint8Array) => void
}

/**
 * The part of encoding that must happen while the guest stands still: copies its state. Checksums, the manifest and
 * compression come later (`encodeHead`), elsewhere if need be. `allocate` gives at least the asked-for number of bytes,
 * all zero or about to be overwritten.
 */
export function packBody(
  state: CheckpointState,
  allocate: (size: number) => Uint8Array = (size) => new Uint8Array(size),
): Body {
  return packParts(partsOf(state), allocate)
}

/** What follows a body that was packed without its input and its screen; empty where there is neither. */
export function packTerminal(input: Uint8Array, screen: Uint8Array): Body {
  return packParts(terminalParts(input, screen), (size) => new Uint8Array(size))
}

/** The content of a file as a body of its own; `bytes` are filled up with zeros to a multiple of 8. */
export function contentBody(index: number, bytes: Uint8Array, length: number, sum: Uint8Array): Body {
  const place = { kind: SectionKind.content, instance: 0, index }
  const section = { ...place, encoding: SectionEncoding.stored, length, rawLength: length }
  return { bytes, sections: [section], sum }
}

/** Bytes of the body that `packBody` would make. */
export function bodySize(state: CheckpointState): number {
  return sizeOf(partsOf(state))
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { size }) => sum + align8(size), 0)
}

function packParts(parts: readonly Part[], allocate: (size: number) => Uint8Array): Body {
  const total = sizeOf(parts)
  const bytes = allocate(total).subarray(0, total)
  let at = 0
  for (const part of parts) {
    part.write(bytes.subarray(at, at + part.size))
    bytes.fill(0, at + part.size, at + align8(part.size))
    at += align8(part.size)
  }
  const sections = parts.map(({ kind, instance, index, size }) => ({
    ...{ kind, instance, index },
    encoding: SectionEncoding.stored,
    length: size,
    rawLength: size,
  }))
  return { bytes, sections }
}

function plainPart(kind: number, instance: number, index: number, bytes: Uint8Array): Part {
  return { kind, instance, index, size: bytes.length, write: (target) => target.set(bytes) }
}

const none = new Uint8Array(0)

function terminalParts(input: Uint8Array, screen: Uint8Array): Part[] {
  return [
    ...(input.length === 0 ? [] : [plainPart(SectionKind.input, 0, 0, input)]),
    ...(screen.length === 0 ? [] : [plainPart(SectionKind.screen, 0, 0, screen)]),
  ]
}

function partsOf({ instances, stacks, kernel, files, input = none, screen = none }: CheckpointState): Part[] {
  const parts: Part[] = []
  const bytesPart = (...args: Parameters<typeof plainPart>): void => {
    parts.push(plainPart(...args))
  }
  instances.forEach((state, instance) => {
    state.memories.forEach(({ bytes, memory }, index) => {
      const pages = (memory && scanMemory(memory, bytes)) ?? scanPages(bytes)
      const write = (target: Uint8Array): void => packMemory(bytes, pages, target)
      parts.push({ kind: SectionKind.memory, instance, index, size: packedSize(pages), write })
    })
    bytesPart(SectionKind.globals, instance, 0, bytesOf(state.globals))
    state.tables.forEach((table, index) => {
      if (table !== undefined) bytesPart(SectionKind.table, instance, index, bytesOf(table))
    })
  })
  stacks.forEach((stack, index) => {
    bytesPart(SectionKind.stack, 0, index, encodeStack(stack))
  })
  bytesPart(SectionKind.kernel, 0, 0, kernel)
  if (files !== undefined) {
    bytesPart(SectionKind.files, 0, 0, encodeFiles(files))
    files.contents.forEach((content, index) => {
      const write = (target: Uint8Array): void =>
        content instanceof Uint8Array ? target.set(content) : content.read(target)
      parts.push({ kind: SectionKind.content, instance: 0, index, size: content.length, write })
    })
  }
  return [...parts, ...terminalParts(input, screen)]
}

// Words are written in the host's order: every host of WebAssembly that JavaScript engines support is little-endian.
function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

/** The head of the image that consists of it and `bodies`, one after the other. */
export function encodeHead(manifest: Manifest, ...bodies: readonly Body[]): Uint8Array {
  return headOf(
    manifest,
    bodies.flatMap(rowsOf).map(({ section, stored }) => ({ section, sum: checksum(stored) })),
  )
}

/** The same for large bodies, with `pause` in between. They must not change meanwhile. */
export async function encodeHeadInSlices(
  manifest: Manifest,
  bodies: readonly Body[],
  pause: () => Promise<void>,
): Promise<Uint8Array> {
  const rows = []
  for (const body of bodies) {
    for (const { section, stored } of rowsOf(body)) {
      rows.push({ section, sum: body.sum ?? (await checksumInSlices(stored, pause)) })
    }
  }
  return headOf(manifest, rows)
}

/** A whole image of an encoded manifest and the contents of its sections, in their order. */
export function buildImage(
  manifest: Uint8Array,
  sections: readonly {
    readonly kind: number
    readonly instance: number
    readonly index: number
    readonly contents: Uint8Array
    readonly isDeflated: boolean
  }[],
): Uint8Array {
  const parts = sections.map(({ contents, isDeflated, ...place }) => {
    const bytes = isDeflated ? deflateSync(contents, { level: 6 }) : contents
    const encoding = isDeflated ? SectionEncoding.deflate : SectionEncoding.stored
    const section = { ...place, encoding, length: bytes.length, rawLength: contents.length }
    return { section, bytes, sum: checksum(bytes) }
  })
  const head = headFrom(manifest, parts)
  const image = new Uint8Array(parts.reduce((sum, { bytes }) => sum + align8(bytes.length), head.length))
  image.set(head)
  let at = head.length
  for (const { bytes } of parts) {
    image.set(bytes, at)
    at += align8(bytes.length)
  }
  return image
}

type Rows = readonly { readonly section: SectionEntry; readonly sum: Uint8Array }[]

function headOf(manifest: Manifest, rows: Rows): Uint8Array {
  return headFrom(encodeManifest(manifest), rows)
}

function headFrom(cbor: Uint8Array, rows: Rows): Uint8Array {
  const tableAt = headerSize + align8(cbor.length)
  const head = new Uint8Array(tableAt + rows.length * entrySize)
  const view = new DataView(head.buffer)
  head.set(magic)
  view.setUint32(8, formatVersion, true)
  view.setUint32(12, cbor.length, true)
  view.setUint32(16, rows.length, true)
  head.set(cbor, headerSize)
  rows.forEach(({ section, sum }, number) => {
    const at = tableAt + number * entrySize
    view.setUint32(at, section.kind, true)
    view.setUint32(at + 4, section.instance, true)
    view.setUint32(at + 8, section.index, true)
    view.setUint32(at + 12, section.encoding, true)
    view.setBigUint64(at + 16, BigInt(section.length), true)
    view.setBigUint64(at + 24, BigInt(section.rawLength), true)
    head.set(sum, at + 32)
  })
  head.set(headChecksum(head), headChecksumAt)
  return head
}

/** Sections with their bytes. */
function rowsOf({ bytes, sections }: Body): { section: SectionEntry; stored: Uint8Array }[] {
  let from = 0
  const rows = sections.map((section) => {
    const stored = bytes.subarray(from, from + section.length)
    from += align8(section.length)
    return { section, stored }
  })
  invariant(from === bytes.length, 'the sections of an image fill its body')
  return rows
}

/** `head` is the whole head; its checksum field does not count. */
export function headChecksum(head: Uint8Array): Uint8Array {
  return checksum(head.subarray(0, headChecksumAt), head.subarray(headerSize))
}

/** Each section by itself, so that a reader can still take only some of them. Sections that would grow stay as they are. */
export function deflateBody(body: Body): Body {
  const sections: SectionEntry[] = []
  const parts: Uint8Array[] = []
  let from = 0
  for (const section of body.sections) {
    const raw = body.bytes.subarray(from, from + section.length)
    from += align8(section.length)
    const small = deflateSync(raw, { level: 6 })
    const shrinks = small.length < raw.length
    parts.push(shrinks ? small : raw)
    sections.push(shrinks ? { ...section, encoding: SectionEncoding.deflate, length: small.length } : section)
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + align8(part.length), 0))
  let to = 0
  for (const part of parts) {
    bytes.set(part, to)
    to += align8(part.length)
  }
  return { bytes, sections }
}
