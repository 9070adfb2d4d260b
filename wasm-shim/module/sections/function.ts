import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import type { Draft } from '../draft.ts'
import type { WasmModule } from '../model.ts'

/** Function section (core spec 5.5.6): the type index of each defined function. */
export function readFunctions(reader: ByteReader, draft: Draft): void {
  const count = reader.count()
  const imported = draft.functions
  const functions = new Uint32Array(imported.length + count)
  functions.set(imported)
  for (let i = imported.length; i < functions.length; i++) functions[i] = readTypeIndex(reader, draft)
  draft.functions = functions
}

export function writeFunctions(out: ByteWriter, module: WasmModule): void {
  const { functions } = module
  const first = module.imported.functions
  out.u32(functions.length - first)
  for (let i = first; i < functions.length; i++) out.u32(functions[i]!)
}

export function readTypeIndex(reader: ByteReader, draft: Draft): number {
  const at = reader.pos
  const index = reader.u32()
  if (index >= draft.types.length) reader.fail(`type ${index} does not exist`, at)
  return index
}
