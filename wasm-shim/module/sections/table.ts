import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import { readConstExpr } from '../const-expr.ts'
import type { Draft } from '../draft.ts'
import { readLimits, writeLimits } from '../limits.ts'
import type { TableType, WasmModule } from '../model.ts'
import { refuseFeature } from '../unsupported.ts'
import { readRefType } from '../value-type.ts'

/** First byte of a table with an initialiser, where else the element type stands; followed by a reserved zero. */
const withInit = 0x40

/** Table section (core spec 5.5.7). */
export function readTables(reader: ByteReader, draft: Draft): void {
  const count = reader.count(3)
  for (let i = 0; i < count; i++) draft.tables.push(readTable(reader, draft))
}

export function writeTables(out: ByteWriter, module: WasmModule): void {
  const defined = module.tables.slice(module.imported.tables)
  out.u32(defined.length)
  for (const table of defined) {
    if (table.init === undefined) {
      writeTableType(out, table)
      continue
    }
    out.u8(withInit)
    out.u8(0)
    writeTableType(out, table)
    out.range(module.bytes, table.init.start, table.init.end)
  }
}

function readTable(reader: ByteReader, draft: Draft): TableType {
  if (reader.remaining === 0 || reader.bytes[reader.pos] !== withInit) return readTableType(reader)
  reader.skip(1)
  if (reader.u8() !== 0) reader.fail('the byte after 0x40 in a table must be zero', reader.pos - 1)
  const type = readTableType(reader)
  return { ...type, init: readConstExpr(reader, draft) }
}

export function readTableType(reader: ByteReader): TableType {
  const element = readRefType(reader)
  const at = reader.pos
  const limits = readLimits(reader)
  if (limits.shared) refuseFeature('shared-everything threads', at)
  if (limits.pageSizeLog2 !== undefined) reader.fail('a table has no page size', at)
  return { element, limits }
}

export function writeTableType(out: ByteWriter, table: TableType): void {
  out.u8(table.element)
  writeLimits(out, table.limits)
}
