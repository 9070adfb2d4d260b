import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import { type Draft, externKinds } from '../draft.ts'
import type { ExternType, WasmModule } from '../model.ts'
import { readTypeIndex } from './function.ts'
import { readGlobalType, writeGlobalType } from './global.ts'
import { readMemoryType, writeMemoryType } from './memory.ts'
import { readTableType, writeTableType } from './table.ts'
import { readTagType, writeTagType } from './tag.ts'

/** Import section (core spec 5.5.5). The same module and name may be imported several times. */
export function readImports(reader: ByteReader, draft: Draft): void {
  const count = reader.count(4)
  const functions: number[] = []
  for (let i = 0; i < count; i++) {
    const module = reader.name()
    const name = reader.name()
    const desc = readExternType(reader, draft)
    draft.imports.push({ module, name, desc })
    switch (desc.kind) {
      case 'func':
        functions.push(desc.type)
        break
      case 'table':
        draft.tables.push(desc.table)
        break
      case 'memory':
        draft.memories.push(desc.memory)
        break
      case 'global':
        draft.globals.push(desc.global)
        break
      case 'tag':
        draft.tags.push(desc.type)
        break
    }
  }
  draft.functions = Uint32Array.from(functions)
  draft.imported.functions = functions.length
  draft.imported.tables = draft.tables.length
  draft.imported.memories = draft.memories.length
  draft.imported.globals = draft.globals.length
  draft.imported.tags = draft.tags.length
}

export function writeImports(out: ByteWriter, module: WasmModule): void {
  out.u32(module.imports.length)
  for (const entry of module.imports) {
    out.name(entry.module)
    out.name(entry.name)
    writeExternType(out, entry.desc)
  }
}

function readExternType(reader: ByteReader, draft: Draft): ExternType {
  const at = reader.pos
  const byte = reader.u8()
  const kind = externKinds[byte]
  if (kind === undefined) reader.fail(`${byte} is not a kind of import`, at)
  switch (kind) {
    case 'func':
      return { kind, type: readTypeIndex(reader, draft) }
    case 'table':
      return { kind, table: readTableType(reader) }
    case 'memory':
      return { kind, memory: readMemoryType(reader) }
    case 'global':
      return { kind, global: readGlobalType(reader) }
    case 'tag':
      return { kind, type: readTagType(reader, draft) }
  }
}

function writeExternType(out: ByteWriter, desc: ExternType): void {
  out.u8(externKinds.indexOf(desc.kind))
  switch (desc.kind) {
    case 'func':
      out.u32(desc.type)
      break
    case 'table':
      writeTableType(out, desc.table)
      break
    case 'memory':
      writeMemoryType(out, desc.memory)
      break
    case 'global':
      writeGlobalType(out, desc.global)
      break
    case 'tag':
      writeTagType(out, desc.type)
      break
  }
}
