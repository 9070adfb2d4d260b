import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import { type Draft, externKinds, spaceSize } from '../draft.ts'
import type { WasmModule } from '../model.ts'

/** Export section (core spec 5.5.10). Names are unique. */
export function readExports(reader: ByteReader, draft: Draft): void {
  const count = reader.count(3)
  const seen = new Set<string>()
  for (let i = 0; i < count; i++) {
    const at = reader.pos
    const name = reader.name()
    if (seen.has(name)) reader.fail(`the name '${name}' is exported twice`, at)
    seen.add(name)
    const byte = reader.u8()
    const kind = externKinds[byte]
    if (kind === undefined) reader.fail(`${byte} is not a kind of export`, reader.pos - 1)
    const index = reader.u32()
    if (index >= spaceSize(draft, kind))
      reader.fail(`the export '${name}' names ${kind} ${index}, which does not exist`, at)
    draft.exports.push({ name, kind, index })
  }
}

export function writeExports(out: ByteWriter, module: WasmModule): void {
  out.u32(module.exports.length)
  for (const { name, kind, index } of module.exports) {
    out.name(name)
    out.u8(externKinds.indexOf(kind))
    out.u32(index)
  }
}
