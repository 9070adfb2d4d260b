import type { ByteReader } from '../bytes/reader.ts'
import { ValType } from './model.ts'
import { refuseFeature } from './unsupported.ts'

const gc = 'garbage collection'

/** Types and heap types by their byte that belong to proposals we refuse. */
const refused: ReadonlyMap<number, string> = new Map([
  [0x75, 'stack switching'],
  [0x74, gc],
  [0x73, gc],
  [0x72, gc],
  [0x71, gc],
  [0x6e, gc],
  [0x6d, gc],
  [0x6c, gc],
  [0x6b, gc],
  [0x6a, gc],
  [0x68, 'stack switching'],
  [0x67, 'string references'],
  [0x65, 'shared-everything threads'],
  [0x62, 'exact references'],
])

const byByte: readonly (ValType | undefined)[] = (() => {
  const table: (ValType | undefined)[] = new Array(256).fill(undefined)
  for (const type of Object.values(ValType)) table[type] = type
  return table
})()

const nullableReference = 0x63
const nonNullReference = 0x64

export function isReference(type: ValType): boolean {
  return type === ValType.funcref || type === ValType.externref || type === ValType.exnref
}

/**
 * A value type (core spec 5.3.4). The long forms `ref null func|extern|exn` give the short types.
 * @throws StasisError STASIS_MODULE_UNSUPPORTED for types of garbage collection, typed function references and others.
 */
export function readValType(reader: ByteReader): ValType {
  const at = reader.pos
  const byte = reader.u8()
  const type = byByte[byte]
  if (type !== undefined) return type
  if (byte === nullableReference) return readHeapType(reader)
  if (byte === nonNullReference) {
    readHeapType(reader)
    return refuseFeature('typed function references', at)
  }
  return unknownType(reader, byte, at)
}

export function readRefType(reader: ByteReader): ValType {
  const at = reader.pos
  const type = readValType(reader)
  if (!isReference(type)) reader.fail('a reference type was expected, not a number or vector type', at)
  return type
}

/** A heap type (core spec 5.3.3), as the nullable reference to it: func, extern or exn. */
export function readHeapType(reader: ByteReader): ValType {
  const at = reader.pos
  const value = reader.s33()
  if (value >= 0) return refuseFeature('typed function references', at)
  if (value < -0x40) reader.fail(`${value} is not a heap type`, at)
  const byte = value & 0x7f
  const type = byByte[byte]
  if (type !== undefined && isReference(type)) return type
  return unknownType(reader, byte, at)
}

function unknownType(reader: ByteReader, byte: number, at: number): never {
  const feature = refused.get(byte)
  if (feature !== undefined) refuseFeature(feature, at)
  return reader.fail(`0x${byte.toString(16).padStart(2, '0')} is not a type`, at)
}
