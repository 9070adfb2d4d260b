import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import type { Draft } from '../draft.ts'
import type { WasmModule } from '../model.ts'

/** Data count section (core spec 5.5.15). */
export function readDataCount(reader: ByteReader, draft: Draft): void {
  draft.dataCount = reader.u32()
}

export function writeDataCount(out: ByteWriter, module: WasmModule): void {
  out.u32(module.data.length)
}
