import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import { readConstExpr } from '../const-expr.ts'
import type { Draft } from '../draft.ts'
import type { DataSegment, WasmModule } from '../model.ts'

/** Forms of a segment (core spec 5.5.14): active in memory 0, passive, active in the memory that is named. */
const passive = 1
const explicitMemory = 2

/** Data section. */
export function readData(reader: ByteReader, draft: Draft): void {
  const count = reader.count(2)
  for (let i = 0; i < count; i++) draft.data.push(readSegment(reader, draft))
}

export function writeData(out: ByteWriter, module: WasmModule): void {
  const { bytes } = module
  out.u32(module.data.length)
  for (const { flags, memory, offset, payload } of module.data) {
    out.u32(flags)
    if (flags === explicitMemory) out.u32(memory)
    if (offset !== undefined) out.range(bytes, offset.start, offset.end)
    out.u32(payload.end - payload.start)
    out.range(bytes, payload.start, payload.end)
  }
}

function readSegment(reader: ByteReader, draft: Draft): DataSegment {
  const at = reader.pos
  const flags = reader.u32()
  if (flags > explicitMemory) reader.fail(`${flags} is not the form of a data segment`, at)
  if (flags === passive) return { mode: 'passive', flags, memory: 0, payload: readPayload(reader) }
  const memory = flags === explicitMemory ? reader.u32() : 0
  if (memory >= draft.memories.length) reader.fail(`memory ${memory} of a data segment does not exist`, at)
  const offset = readConstExpr(reader, draft)
  return { mode: 'active', flags, memory, offset, payload: readPayload(reader) }
}

function readPayload(reader: ByteReader): { start: number; end: number } {
  const length = reader.u32()
  const start = reader.skip(length)
  return { start, end: reader.pos }
}
