import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import type { Draft } from '../draft.ts'
import type { FuncType, ValType, WasmModule } from '../model.ts'
import { refuseFeature } from '../unsupported.ts'
import { readValType } from '../value-type.ts'

/** Type section (core spec 5.5.4): function types only. */
export function readTypes(reader: ByteReader, draft: Draft): void {
  const count = reader.count(2)
  for (let i = 0; i < count; i++) draft.types.push(readFuncType(reader))
}

export function writeTypes(out: ByteWriter, module: WasmModule): void {
  out.u32(module.types.length)
  for (const type of module.types) writeFuncType(out, type)
}

function readFuncType(reader: ByteReader): FuncType {
  const at = reader.pos
  const form = reader.u8()
  switch (form) {
    case 0x60:
      return { params: readValTypes(reader), results: readValTypes(reader) }
    case 0x4e: // rec
    case 0x4f: // sub final
    case 0x50: // sub
    case 0x5e: // array
    case 0x5f: // struct
      return refuseFeature('garbage collection', at)
    case 0x5d: // cont
      return refuseFeature('stack switching', at)
    case 0x65: // shared
      return refuseFeature('shared-everything threads', at)
    default:
      return reader.fail(`0x${form.toString(16).padStart(2, '0')} is not the form of a type`, at)
  }
}

function writeFuncType(out: ByteWriter, type: FuncType): void {
  out.u8(0x60)
  writeValTypes(out, type.params)
  writeValTypes(out, type.results)
}

function readValTypes(reader: ByteReader): readonly ValType[] {
  const count = reader.count()
  const types: ValType[] = []
  for (let i = 0; i < count; i++) types.push(readValType(reader))
  return types
}

function writeValTypes(out: ByteWriter, types: readonly ValType[]): void {
  out.u32(types.length)
  for (const type of types) out.u8(type)
}
