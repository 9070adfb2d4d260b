import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import type { Draft } from '../draft.ts'
import type { WasmModule } from '../model.ts'
import { readTypeIndex } from './function.ts'

/** Tag section (core spec 5.5.16, exception handling): each tag is an attribute byte, zero, and a type index. */
export function readTags(reader: ByteReader, draft: Draft): void {
  const count = reader.count(2)
  for (let i = 0; i < count; i++) draft.tags.push(readTagType(reader, draft))
}

export function writeTags(out: ByteWriter, module: WasmModule): void {
  const defined = module.tags.slice(module.imported.tags)
  out.u32(defined.length)
  for (const type of defined) writeTagType(out, type)
}

export function readTagType(reader: ByteReader, draft: Draft): number {
  const attribute = reader.u8()
  if (attribute !== 0) reader.fail(`${attribute} is not an attribute of a tag`, reader.pos - 1)
  return readTypeIndex(reader, draft)
}

export function writeTagType(out: ByteWriter, type: number): void {
  out.u8(0)
  out.u32(type)
}
