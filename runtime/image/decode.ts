import { inflateSync } from 'fflate'
import { sameBytes } from '../../wasm-shim/bytes/arrays.ts'
import type { CarriedFiles } from '../../wasm-shim/wasi/carried.ts'
import type { InstanceState, MemoryState } from '../engine/engine.ts'
import { checksum } from './checksum.ts'
import { decodeFiles } from './files.ts'
import { type Head, type PlacedSection, readHead } from './head.ts'
import { align8, damaged, maxScreen, SectionEncoding, SectionKind, sectionNames } from './layout.ts'
import type { Manifest } from './manifest.ts'
import type { Checkpoint } from './model.ts'
import { unpackMemory } from './pages.ts'
import { decodeStack } from './stack.ts'

/** deflate's best case is 258 bytes for about two bits. */
const maxInflation = 1032

export interface DecodeOptions {
  /** Bytes that all memories together may declare. Default: 16 GiB, the largest that engines give to a memory. */
  readonly maxMemory?: number
}

/**
 * Reads an image. Nothing is allocated beyond the size of the input, but for deflated sections (at most 1032 times their
 * size): memories stay in the image until their `bytes` are asked for, so `bytes` must not change afterwards. Throws
 * STASIS_IMAGE_FOREIGN, STASIS_IMAGE_VERSION or STASIS_IMAGE_DAMAGED with the offset.
 */
export function decodeCheckpoint(bytes: Uint8Array, options: DecodeOptions = {}): Checkpoint {
  const head = readHead(bytes)
  if (bytes.length < head.imageLength) {
    throw damaged(`the image is ${head.imageLength} bytes long and the file ends before`, bytes.length)
  }
  if (bytes.length > head.imageLength) {
    throw damaged(`${bytes.length - head.imageLength} bytes are left over after the last section`, head.imageLength)
  }
  return new BodyReader(bytes, head, options.maxMemory ?? 2 ** 34).checkpoint()
}

/** The files that an image carries, without looking at the rest of it. Throws STASIS_IMAGE_DAMAGED. */
export function decodeCarried(bytes: Uint8Array): CarriedFiles | undefined {
  const { sections } = readHead(bytes)
  const contentsOf = (section: PlacedSection): Uint8Array => {
    const end = section.offset + section.length
    if (end > bytes.length) throw damaged('the file ends inside of a section', bytes.length)
    return sectionContents(section, bytes.subarray(section.offset, end))
  }
  const list = sections.find(({ kind }) => kind === SectionKind.files)
  if (list === undefined) return undefined
  const contents = sections.filter(({ kind }) => kind === SectionKind.content).map(contentsOf)
  return decodeFiles(contentsOf(list), contents, list.offset)
}

/** The manifest of an image of which at least the head is given; `readHead` tells how long that is. */
export function readManifest(bytes: Uint8Array): Manifest {
  return readHead(bytes).manifest
}

/** Takes the sections one after the other, in the only order there is. */
class BodyReader {
  readonly #bytes: Uint8Array
  readonly #head: Head
  #memoryLeft: number
  #next = 0

  constructor(bytes: Uint8Array, head: Head, maxMemory: number) {
    this.#bytes = bytes
    this.#head = head
    this.#memoryLeft = maxMemory
  }

  checkpoint(): Checkpoint {
    const { manifest } = this.#head
    const { instances: counts, stacks: stackCount, ...rest } = manifest
    const instances = counts.map((count, instance) => this.#instance(instance, count))
    const stacks = times(stackCount, (index) => {
      const [section, offset] = this.#take(SectionKind.stack, 0, index)
      return decodeStack(section, offset, instances.length)
    })
    const [kernel] = this.#take(SectionKind.kernel, 0, 0)
    const files = this.#files()
    const input = this.#terminal(SectionKind.input)
    const screen = this.#terminal(SectionKind.screen)
    if (screen !== undefined && screen.length > maxScreen)
      throw damaged('the screen is too long', this.#head.imageLength)
    const extra = this.#head.sections[this.#next]
    if (extra !== undefined) throw damaged(`there is one more section, ${describe(extra)}`, extra.offset)
    return {
      ...rest,
      instances,
      stacks,
      kernel,
      ...(files && { files }),
      ...(input && { input }),
      ...(screen && { screen }),
    }
  }

  #files(): CarriedFiles | undefined {
    if (this.#head.sections[this.#next]?.kind !== SectionKind.files) return undefined
    const [list, offset] = this.#take(SectionKind.files, 0, 0)
    const contents: Uint8Array[] = []
    while (this.#head.sections[this.#next]?.kind === SectionKind.content) {
      contents.push(this.#take(SectionKind.content, 0, contents.length)[0])
    }
    return decodeFiles(list, contents, offset)
  }

  /** A section that is left out where it would be empty. */
  #terminal(kind: number): Uint8Array | undefined {
    if (this.#head.sections[this.#next]?.kind !== kind) return undefined
    const [bytes, offset] = this.#take(kind, 0, 0)
    if (bytes.length === 0) throw damaged(`${describe({ kind, instance: 0, index: 0 })} is there and empty`, offset)
    return bytes
  }

  #instance(instance: number, count: Manifest['instances'][number]): InstanceState {
    const memories = times(count.memories, (index): MemoryState => {
      const [section, offset] = this.#take(SectionKind.memory, instance, index)
      const memory = unpackMemory(section, offset, this.#memoryLeft)
      this.#memoryLeft -= memory.size
      return memory
    })
    const globals = wordsOf(...this.#take(SectionKind.globals, instance, 0))
    const tables = times(count.tables, (index) => {
      const next = this.#head.sections[this.#next]
      const isPresent = next?.kind === SectionKind.table && next.instance === instance && next.index === index
      return isPresent ? wordsOf(...this.#take(SectionKind.table, instance, index)) : undefined
    })
    return { memories, globals, tables }
  }

  /** The contents of the next section, which must be the one asked for, and its offset in the image. */
  #take(kind: number, instance: number, index: number): [contents: Uint8Array, offset: number] {
    const section = this.#head.sections[this.#next]
    const wanted = describe({ kind, instance, index })
    if (section === undefined) throw damaged(`${wanted} is missing`, this.#head.imageLength)
    const { offset, length } = section
    if (section.kind !== kind || section.instance !== instance || section.index !== index) {
      throw damaged(`${wanted} is expected, and ${describe(section)} found`, offset)
    }
    this.#next++
    const stored = this.#bytes.subarray(offset, offset + length)
    const contents = sectionContents(section, stored)
    if (this.#bytes.subarray(offset + length, offset + align8(length)).some((byte) => byte !== 0)) {
      throw damaged('the padding after a section is not zero', offset + length)
    }
    return [contents, offset]
  }
}

/** What a section holds, of its bytes in the image. Throws STASIS_IMAGE_DAMAGED. */
export function sectionContents(section: PlacedSection, stored: Uint8Array): Uint8Array {
  const { encoding, rawLength, offset } = section
  if (!sameBytes(checksum(stored), section.checksum))
    throw damaged(`the checksum of ${describe(section)} is wrong`, offset)
  if (encoding === SectionEncoding.stored) {
    if (rawLength !== stored.length) throw damaged('a stored section has two lengths', offset)
    return stored
  }
  if (encoding !== SectionEncoding.deflate) throw damaged(`a section has the unknown encoding ${encoding}`, offset)
  if (rawLength > stored.length * maxInflation) {
    throw damaged(`${stored.length} deflated bytes cannot hold ${rawLength}`, offset)
  }
  let contents: Uint8Array
  try {
    // One byte more than announced: a buffer that is filled to the end was too small.
    contents = inflateSync(stored, { out: new Uint8Array(rawLength + 1) })
  } catch (cause) {
    throw damaged('a section cannot be inflated', offset, cause)
  }
  if (contents.length !== rawLength) throw damaged(`a section does not inflate to ${rawLength} bytes`, offset)
  return contents
}

function wordsOf(section: Uint8Array, offset: number): Uint32Array {
  if (section.length % 4 !== 0) throw damaged('a section of words does not end with a whole one', offset)
  return new Uint32Array(new Uint8Array(section).buffer)
}

function times<T>(count: number, make: (index: number) => T): T[] {
  const list: T[] = []
  for (let index = 0; index < count; index++) list.push(make(index))
  return list
}

function describe({ kind, instance, index }: Pick<PlacedSection, 'kind' | 'instance' | 'index'>): string {
  const name = sectionNames[kind] ?? `a section of the unknown kind ${kind}`
  switch (kind) {
    case SectionKind.memory:
    case SectionKind.table:
      return `${name} ${index} of instance ${instance}`
    case SectionKind.globals:
      return `the globals of instance ${instance}`
    case SectionKind.stack:
      return `stack ${index}`
    case SectionKind.kernel:
      return 'the kernel state'
    case SectionKind.input:
      return 'the input'
    case SectionKind.screen:
      return 'the screen'
    case SectionKind.files:
      return 'the list of files'
    case SectionKind.content:
      return `the content of file ${index}`
    default:
      return name
  }
}
