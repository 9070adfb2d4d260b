import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import type { Draft } from '../draft.ts'
import type { WasmModule } from '../model.ts'

/** Code section (core spec 5.5.13): only where the bodies are; their instructions are decoded elsewhere. */
export function readCode(reader: ByteReader, draft: Draft): void {
  const { bytes } = draft
  const count = reader.count(3)
  const start = new Uint32Array(count)
  const end = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const size = reader.u32()
    const at = reader.skip(size)
    // At least the count of local declarations and `end`.
    if (size < 2 || bytes[reader.pos - 1] !== 0x0b) reader.fail(`the body of defined function ${i} has no end`, at)
    start[i] = at
    end[i] = reader.pos
  }
  draft.code.start = start
  draft.code.end = end
}

export function writeCode(out: ByteWriter, module: WasmModule): void {
  const { start, end } = module.code
  out.u32(start.length)
  for (let i = 0; i < start.length; i++) {
    out.u32(end[i]! - start[i]!)
    out.range(module.bytes, start[i]!, end[i]!)
  }
}
