import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import { readConstExpr } from '../const-expr.ts'
import type { Draft } from '../draft.ts'
import type { GlobalType, WasmModule } from '../model.ts'
import { refuseFeature } from '../unsupported.ts'
import { readValType } from '../value-type.ts'

/** Global section (core spec 5.5.9). */
export function readGlobals(reader: ByteReader, draft: Draft): void {
  const count = reader.count(3)
  for (let i = 0; i < count; i++) {
    const type = readGlobalType(reader)
    // The initialiser may refer to earlier globals only, so the global is added after it.
    draft.globalInits.push(readConstExpr(reader, draft))
    draft.globals.push(type)
  }
}

export function writeGlobals(out: ByteWriter, module: WasmModule): void {
  const { globals, globalInits } = module
  const first = module.imported.globals
  out.u32(globalInits.length)
  globalInits.forEach((init, i) => {
    writeGlobalType(out, globals[first + i]!)
    out.range(module.bytes, init.start, init.end)
  })
}

export function readGlobalType(reader: ByteReader): GlobalType {
  const type = readValType(reader)
  const at = reader.pos
  const mutability = reader.u8()
  if (mutability === 2 || mutability === 3) refuseFeature('shared-everything threads', at)
  if (mutability > 1) reader.fail(`${mutability} is not a mutability`, at)
  return { type, mutable: mutability === 1 }
}

export function writeGlobalType(out: ByteWriter, global: GlobalType): void {
  out.u8(global.type)
  out.u8(global.mutable ? 1 : 0)
}
