import type { ByteReader } from '../../bytes/reader.ts'
import type { ByteWriter } from '../../bytes/writer.ts'
import type { Draft } from '../draft.ts'
import type { WasmModule } from '../model.ts'
import { readCode, writeCode } from './code.ts'
import { readData, writeData } from './data.ts'
import { readDataCount, writeDataCount } from './data-count.ts'
import { readElements, writeElements } from './element.ts'
import { readExports, writeExports } from './export.ts'
import { readFunctions, writeFunctions } from './function.ts'
import { readGlobals, writeGlobals } from './global.ts'
import { readImports, writeImports } from './import.ts'
import { readMemories, writeMemories } from './memory.ts'
import { readStart, writeStart } from './start.ts'
import { readTables, writeTables } from './table.ts'
import { readTags, writeTags } from './tag.ts'
import { readTypes, writeTypes } from './type.ts'

export const customSection = 0

/** Writes the contents of a section, without id and size. */
export type SectionWriter = (out: ByteWriter, module: WasmModule) => void

export interface SectionFormat {
  readonly id: number
  readonly name: string
  readonly read: (reader: ByteReader, draft: Draft) => void
  readonly write: SectionWriter
  /** Whether a module with this content needs the section. */
  readonly needed: (module: WasmModule) => boolean
  /** One value instead of a list. */
  readonly single?: true
}

/** All sections but the custom ones, in the order they must have (core spec 5.5.17), which is not that of their ids. */
export const sectionFormats = [
  { id: 1, name: 'type', read: readTypes, write: writeTypes, needed: (m) => m.types.length > 0 },
  { id: 2, name: 'import', read: readImports, write: writeImports, needed: (m) => m.imports.length > 0 },
  {
    id: 3,
    name: 'function',
    read: readFunctions,
    write: writeFunctions,
    needed: (m) => m.functions.length > m.imported.functions,
  },
  { id: 4, name: 'table', read: readTables, write: writeTables, needed: (m) => m.tables.length > m.imported.tables },
  {
    id: 5,
    name: 'memory',
    read: readMemories,
    write: writeMemories,
    needed: (m) => m.memories.length > m.imported.memories,
  },
  { id: 13, name: 'tag', read: readTags, write: writeTags, needed: (m) => m.tags.length > m.imported.tags },
  { id: 6, name: 'global', read: readGlobals, write: writeGlobals, needed: (m) => m.globalInits.length > 0 },
  { id: 7, name: 'export', read: readExports, write: writeExports, needed: (m) => m.exports.length > 0 },
  { id: 8, name: 'start', read: readStart, write: writeStart, needed: (m) => m.start !== undefined, single: true },
  { id: 9, name: 'element', read: readElements, write: writeElements, needed: (m) => m.elements.length > 0 },
  {
    id: 12,
    name: 'data count',
    read: readDataCount,
    write: writeDataCount,
    needed: (m) => m.dataCount !== undefined,
    single: true,
  },
  { id: 10, name: 'code', read: readCode, write: writeCode, needed: (m) => m.code.start.length > 0 },
  { id: 11, name: 'data', read: readData, write: writeData, needed: (m) => m.data.length > 0 },
] as const satisfies readonly SectionFormat[]

export type SectionName = (typeof sectionFormats)[number]['name']

/** Position in `sectionFormats` by section id; -1 where there is none. */
export function sectionRank(id: number): number {
  return sectionFormats.findIndex((format) => format.id === id)
}
