import { ByteReader } from '../bytes/reader.ts'
import { type Draft, emptyDraft } from './draft.ts'
import type { WasmModule } from './model.ts'
import { customSection, type SectionName, sectionFormats, sectionRank } from './sections/index.ts'
import { refuseComponent } from './unsupported.ts'

/** `\0asm`, little-endian. */
const magic = 0x6d736100
/** Version 1, layer 0: a core module. A component has layer 1. */
const coreVersion = 0x00000001

/**
 * Reads a binary module (core spec 5.5). Function bodies, payloads and initialisers stay in `bytes`, which must not be
 * changed afterwards. Structure, sizes and index spaces are checked; instructions and types are left to the engine.
 * @throws StasisError STASIS_MODULE_MALFORMED (fields: offset) or STASIS_MODULE_UNSUPPORTED (fields: feature, offset)
 */
export function readModule(bytes: Uint8Array): WasmModule {
  const reader = new ByteReader(bytes)
  const draft = readSections(reader, nothing)
  if (draft.dataCount !== undefined && draft.dataCount !== draft.data.length)
    reader.fail(`${draft.dataCount} data segments are announced, but there are ${draft.data.length}`)
  return draft
}

/**
 * The same of a module that was read before, without what code does not refer to by its content: exports, start function
 * and segments are not looked at and absent from the result. CPython has 24,000 segments.
 */
export function readCodeContext(bytes: Uint8Array): WasmModule {
  return readSections(new ByteReader(bytes), besidesCode)
}

const nothing: ReadonlySet<SectionName> = new Set()
const besidesCode: ReadonlySet<SectionName> = new Set(['export', 'start', 'element', 'data count', 'data'])

function readSections(reader: ByteReader, skipped: ReadonlySet<SectionName>): Draft {
  readHeader(reader)
  const draft = emptyDraft(reader.bytes)
  let rank = -1
  while (reader.remaining > 0) rank = readSection(reader, draft, rank, skipped)
  const defined = draft.functions.length - draft.imported.functions
  const bodies = draft.code.start.length
  if (defined !== bodies) reader.fail(`${defined} functions are declared, but there are ${bodies} bodies`)
  return draft
}

function readHeader(reader: ByteReader): void {
  if (reader.remaining < 8) reader.fail('it is too short to be a module')
  if (readU32LE(reader) !== magic) reader.fail('it does not begin with the bytes 00 61 73 6d', 0)
  const version = readU32LE(reader)
  if (version === coreVersion) return
  if (version >>> 16 === 1) refuseComponent(4)
  reader.fail(`version ${version} of the format is unknown`, 4)
}

function readU32LE(reader: ByteReader): number {
  return (reader.u8() | (reader.u8() << 8) | (reader.u8() << 16) | (reader.u8() << 24)) >>> 0
}

/** Reads one section; gives the rank of the last section that is not custom. */
function readSection(reader: ByteReader, draft: Draft, lastRank: number, skipped: ReadonlySet<SectionName>): number {
  const at = reader.pos
  const id = reader.u8()
  const body = reader.sub(reader.u32())
  if (id === customSection) {
    const name = body.name()
    draft.sections.push({ id, at, body: { start: body.pos, end: body.end }, name })
    return lastRank
  }
  draft.sections.push({ id, at, body: { start: body.pos, end: body.end } })
  const rank = sectionRank(id)
  const format = sectionFormats[rank]
  if (format === undefined) reader.fail(`${id} is not a section`, at)
  if (rank <= lastRank) reader.fail(`the ${format.name} section is out of order or there twice`, at)
  if (skipped.has(format.name)) return rank
  format.read(body, draft)
  body.expectEnd(`the ${format.name} section`)
  return rank
}
