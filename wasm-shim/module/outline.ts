/**
 * The outside of a module: imports, exports, memories and the start function, read without understanding what is inside.
 * `readModule` refuses what the pre-linker cannot rewrite; this takes types of garbage collection and typed function
 * references too, since nothing has to be known of them but how long they are.
 */
import { ByteReader } from '../bytes/reader.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { externKinds } from './draft.ts'
import { type Export, type ExternKind, type FuncType, ValType } from './model.ts'
import { refuseComponent, refuseFeature } from './unsupported.ts'

export interface OutlineImport {
  readonly module: string
  readonly name: string
  readonly kind: ExternKind
  /** Of a function. References of any kind appear as externref. */
  readonly type?: FuncType
  /** Of a memory. */
  readonly memory?: OutlineMemory
}

/** In pages. */
export interface OutlineMemory {
  readonly min: number
  readonly max?: number
}

export interface ModuleOutline {
  readonly imports: readonly OutlineImport[]
  readonly exports: readonly Export[]
  /** All, imported ones first. */
  readonly memories: readonly OutlineMemory[]
  /** Entries of each index space, imports included. */
  readonly counts: { readonly functions: number; readonly tables: number; readonly globals: number }
  readonly start?: number
}

interface Section {
  readonly id: number
  /** Of the id byte. */
  readonly at: number
  readonly body: ByteReader
}

const Id = { type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8 } as const
const coreModule = 0x6d73_6100

function* sectionsOf(bytes: Uint8Array): Generator<Section> {
  const reader = new ByteReader(bytes)
  const word = () => reader.u8() | (reader.u8() << 8) | (reader.u8() << 16) | (reader.u8() << 24)
  if (word() !== coreModule) reader.fail('it does not begin with the bytes 00 61 73 6d', 0)
  const version = word()
  if (version >>> 16 === 1) refuseComponent(4)
  if (version !== 1) reader.fail(`version ${version} of the format is unknown`, 4)
  while (reader.remaining > 0) {
    const at = reader.pos
    const id = reader.u8()
    yield { id, at, body: reader.sub(reader.u32()) }
  }
}

/** Throws STASIS_MODULE_MALFORMED, and STASIS_MODULE_UNSUPPORTED for types of which not even the length is known. */
export function readOutline(bytes: Uint8Array): ModuleOutline {
  let types: readonly (FuncType | undefined)[] = []
  let imports: readonly OutlineImport[] = []
  let exports: readonly Export[] = []
  let memories: readonly OutlineMemory[] = []
  const defined = { functions: 0, tables: 0, globals: 0 }
  let start: number | undefined
  for (const { id, body } of sectionsOf(bytes)) {
    if (id === Id.type) types = readTypes(body)
    else if (id === Id.import) imports = vector(body, () => readImport(body, types))
    else if (id === Id.export) exports = vector(body, () => readExport(body))
    else if (id === Id.memory) memories = vector(body, () => readLimits(body))
    else if (id === Id.start) start = body.u32()
    else if (id === Id.function) defined.functions = body.count()
    else if (id === Id.table) defined.tables = body.count()
    else if (id === Id.global) defined.globals = body.count()
  }
  const imported = (kind: ExternKind) => imports.filter((item) => item.kind === kind)
  return {
    imports,
    exports,
    memories: [...imported('memory').map(({ memory }) => memory!), ...memories],
    counts: {
      functions: imported('func').length + defined.functions,
      tables: imported('table').length + defined.tables,
      globals: imported('global').length + defined.globals,
    },
    ...(start !== undefined && { start }),
  }
}

const vector = <T>(reader: ByteReader, read: () => T): T[] => Array.from({ length: reader.count() }, read)

function readTypes(reader: ByteReader): readonly (FuncType | undefined)[] {
  const types: (FuncType | undefined)[] = []
  for (let groups = reader.count(); groups > 0; groups--) {
    const at = reader.pos
    const form = reader.u8()
    let members = 1
    if (form === 0x4e) members = reader.count()
    else reader.pos = at
    for (; members > 0; members--) types.push(readSubType(reader))
  }
  return types
}

/** The type of a function; undefined for others. */
function readSubType(reader: ByteReader): FuncType | undefined {
  let at = reader.pos
  let form = reader.u8()
  if (form === 0x50 || form === 0x4f) {
    for (let supertypes = reader.count(); supertypes > 0; supertypes--) reader.u32()
    at = reader.pos
    form = reader.u8()
  }
  if (form === 0x65) form = reader.u8()
  switch (form) {
    case 0x60:
      return { params: vector(reader, () => readType(reader)), results: vector(reader, () => readType(reader)) }
    case 0x5f:
      for (let fields = reader.count(); fields > 0; fields--) readField(reader)
      return undefined
    case 0x5e:
      readField(reader)
      return undefined
    case 0x5d:
      reader.s33()
      return undefined
    default:
      return refuseFeature(`a type of the form 0x${form.toString(16)}`, at)
  }
}

function readField(reader: ByteReader): void {
  readType(reader)
  reader.u8()
}

const known: ReadonlySet<number> = new Set(Object.values(ValType))

function readType(reader: ByteReader): ValType {
  let byte = reader.u8()
  if (byte === 0x65) byte = reader.u8()
  if (byte !== 0x63 && byte !== 0x64) return known.has(byte) ? (byte as ValType) : ValType.externref
  const exact = reader.pos
  if (reader.u8() !== 0x62) reader.pos = exact
  reader.s33()
  return ValType.externref
}

function readLimits(reader: ByteReader): OutlineMemory {
  const flags = reader.u8()
  const min = reader.u64()
  const max = (flags & 1) === 0 ? undefined : reader.u64()
  if ((flags & 8) !== 0) reader.u32()
  return { min, ...(max !== undefined && { max }) }
}

function readKind(reader: ByteReader): ExternKind {
  const at = reader.pos
  return externKinds[reader.u8()] ?? reader.fail('an import or export is of an unknown kind', at)
}

function readImport(reader: ByteReader, types: readonly (FuncType | undefined)[]): OutlineImport {
  const [module, name] = [reader.name(), reader.name()]
  const at = reader.pos
  const kind = readKind(reader)
  switch (kind) {
    case 'func': {
      const type = types[reader.u32()] ?? reader.fail(`the imported function ${name} has no function's type`, at)
      return { module, name, kind, type }
    }
    case 'table':
      readType(reader)
      readLimits(reader)
      return { module, name, kind }
    case 'memory':
      return { module, name, kind, memory: readLimits(reader) }
    case 'global':
      readField(reader)
      return { module, name, kind }
    case 'tag':
      reader.u8()
      reader.u32()
      return { module, name, kind }
  }
}

function readExport(reader: ByteReader): Export {
  return { name: reader.name(), kind: readKind(reader), index: reader.u32() }
}

/**
 * The module with more exports, and its start function among them instead of a start section: everything else is copied.
 *
 *     (memory 1) (start $s)      becomes      (memory (export "stasis.memory.0") 1) (func $s (export "stasis.start"))
 */
export function withExports(bytes: Uint8Array, added: readonly Export[]): Uint8Array {
  const out = new ByteWriter(bytes.length + 64)
  out.bytes(bytes.subarray(0, 8))
  let isWritten = false
  const write = (old: ByteReader | undefined) => {
    isWritten = true
    const body = new ByteWriter()
    body.u32((old?.u32() ?? 0) + added.length)
    if (old !== undefined) body.bytes(bytes.subarray(old.pos, old.end))
    for (const { name, kind, index } of added) {
      body.name(name)
      body.u8(externKinds.indexOf(kind))
      body.u32(index)
    }
    const content = body.finish()
    out.u8(Id.export)
    out.u32(content.length)
    out.bytes(content)
  }
  for (const { id, at, body } of sectionsOf(bytes)) {
    // Exports stand before the start function, elements, code and data; custom sections anywhere.
    if (!isWritten && id !== Id.export && id > Id.export && id !== tagSection) write(undefined)
    if (id === Id.export) write(body)
    else if (id !== Id.start) out.bytes(bytes.subarray(at, body.end))
  }
  if (!isWritten) write(undefined)
  return out.finish()
}

/** Between memories and globals, whatever its number. */
const tagSection = 13
