import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import { readConstExpr } from '../const-expr.ts'
import type { Draft } from '../draft.ts'
import { type ElementSegment, type Range, ValType, type WasmModule } from '../model.ts'
import { readRefType } from '../value-type.ts'

/** Bits of the flags field (core spec 5.5.12). The second tells declarative from passive, or an explicit table. */
const notActive = 0x01
const explicit = 0x02
const expressions = 0x04

/** The only element kind: function references. */
const functionKind = 0x00

/** Element section. */
export function readElements(reader: ByteReader, draft: Draft): void {
  const count = reader.count(2)
  for (let i = 0; i < count; i++) draft.elements.push(readElement(reader, draft))
}

export function writeElements(out: ByteWriter, module: WasmModule): void {
  out.u32(module.elements.length)
  for (const element of module.elements) writeElement(out, module.bytes, element)
}

function readElement(reader: ByteReader, draft: Draft): ElementSegment {
  const at = reader.pos
  const flags = reader.u32()
  if (flags > 7) reader.fail(`${flags} is not the form of an element segment`, at)
  const active = (flags & notActive) === 0
  const mode = active ? 'active' : flags & explicit ? 'declarative' : 'passive'
  const table = active && flags & explicit ? reader.u32() : 0
  if (active && table >= draft.tables.length) reader.fail(`table ${table} of an element segment does not exist`, at)
  const offset = active ? readConstExpr(reader, draft) : undefined
  const type = hasType(flags) ? readElementType(reader, flags) : ValType.funcref
  const items: ElementSegment['items'] =
    flags & expressions
      ? { kind: 'expressions', ranges: readExpressions(reader, draft) }
      : { kind: 'functions', indices: readIndices(reader, draft) }
  return { mode, flags, table, ...(offset && { offset }), type, items }
}

export function writeElement(out: ByteWriter, bytes: Uint8Array, element: ElementSegment): void {
  const { flags, offset, items } = element
  out.u32(flags)
  if (element.mode === 'active' && flags & explicit) out.u32(element.table)
  if (offset !== undefined) out.range(bytes, offset.start, offset.end)
  if (hasType(flags)) out.u8(flags & expressions ? element.type : functionKind)
  if (items.kind === 'functions') {
    out.u32(items.indices.length)
    for (const index of items.indices) out.u32(index)
  } else {
    out.u32(items.ranges.length)
    for (const range of items.ranges) out.range(bytes, range.start, range.end)
  }
}

/** Forms 0 and 4 leave the type out: they are function references. */
function hasType(flags: number): boolean {
  return (flags & (notActive | explicit)) !== 0
}

function readElementType(reader: ByteReader, flags: number): ValType {
  if (flags & expressions) return readRefType(reader)
  const kind = reader.u8()
  if (kind !== functionKind) reader.fail(`${kind} is not a kind of element`, reader.pos - 1)
  return ValType.funcref
}

function readIndices(reader: ByteReader, draft: Draft): Uint32Array {
  const indices = new Uint32Array(reader.count())
  const functions = draft.functions.length
  for (let i = 0; i < indices.length; i++) {
    const index = reader.u32()
    if (index >= functions) reader.fail(`function ${index} in an element segment does not exist`)
    indices[i] = index
  }
  return indices
}

function readExpressions(reader: ByteReader, draft: Draft): readonly Range[] {
  const count = reader.count()
  const ranges: Range[] = []
  for (let i = 0; i < count; i++) ranges.push(readConstExpr(reader, draft))
  return ranges
}
