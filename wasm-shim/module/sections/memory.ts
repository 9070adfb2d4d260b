import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import type { Draft } from '../draft.ts'
import { readLimits, writeLimits } from '../limits.ts'
import type { MemoryType, WasmModule } from '../model.ts'

/** Memory section (core spec 5.5.8). */
export function readMemories(reader: ByteReader, draft: Draft): void {
  const count = reader.count(2)
  for (let i = 0; i < count; i++) draft.memories.push(readMemoryType(reader))
}

export function writeMemories(out: ByteWriter, module: WasmModule): void {
  const defined = module.memories.slice(module.imported.memories)
  out.u32(defined.length)
  for (const memory of defined) writeMemoryType(out, memory)
}

export function readMemoryType(reader: ByteReader): MemoryType {
  const at = reader.pos
  const memory = readLimits(reader)
  if (memory.shared && memory.max === undefined) reader.fail('a shared memory has no maximum', at)
  return memory
}

export function writeMemoryType(out: ByteWriter, memory: MemoryType): void {
  writeLimits(out, memory)
}
