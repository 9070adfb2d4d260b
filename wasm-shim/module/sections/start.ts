import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import { invariant } from '../../errors.ts'
import type { Draft } from '../draft.ts'
import type { WasmModule } from '../model.ts'

/** Start section (core spec 5.5.11): a function without parameters and results. */
export function readStart(reader: ByteReader, draft: Draft): void {
  const at = reader.pos
  const index = reader.u32()
  const typeIndex = draft.functions[index]
  const type = typeIndex === undefined ? undefined : draft.types[typeIndex]
  if (type === undefined) reader.fail(`the start function ${index} does not exist`, at)
  if (type.params.length + type.results.length > 0)
    reader.fail(`the start function ${index} has parameters or results`, at)
  draft.start = index
}

export function writeStart(out: ByteWriter, module: WasmModule): void {
  invariant(module.start !== undefined, 'a start section is written without a start function')
  out.u32(module.start)
}
