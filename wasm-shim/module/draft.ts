import type {
  DataSegment,
  ElementSegment,
  Export,
  ExternKind,
  FuncType,
  GlobalType,
  Import,
  MemoryType,
  Range,
  Section,
  TableType,
} from './model.ts'

/** A module while its sections are being read: each section's reader adds its part and checks against what came before. */
export interface Draft {
  readonly bytes: Uint8Array
  readonly sections: Section[]
  readonly types: FuncType[]
  readonly imports: Import[]
  functions: Uint32Array
  readonly tables: TableType[]
  readonly memories: MemoryType[]
  readonly globals: GlobalType[]
  readonly tags: number[]
  readonly imported: { functions: number; tables: number; memories: number; globals: number; tags: number }
  readonly globalInits: Range[]
  readonly exports: Export[]
  start?: number
  readonly elements: ElementSegment[]
  dataCount?: number
  readonly code: { start: Uint32Array; end: Uint32Array }
  readonly data: DataSegment[]
}

export function emptyDraft(bytes: Uint8Array): Draft {
  return {
    bytes,
    sections: [],
    types: [],
    imports: [],
    functions: new Uint32Array(0),
    tables: [],
    memories: [],
    globals: [],
    tags: [],
    imported: { functions: 0, tables: 0, memories: 0, globals: 0, tags: 0 },
    globalInits: [],
    exports: [],
    elements: [],
    code: { start: new Uint32Array(0), end: new Uint32Array(0) },
    data: [],
  }
}

/** External kinds in the order of their encoding (core spec 5.5.5): the byte is the index. */
export const externKinds = ['func', 'table', 'memory', 'global', 'tag'] as const satisfies readonly ExternKind[]

/** How many entries the index space of `kind` has so far. */
export function spaceSize(draft: Draft, kind: ExternKind): number {
  switch (kind) {
    case 'func':
      return draft.functions.length
    case 'table':
      return draft.tables.length
    case 'memory':
      return draft.memories.length
    case 'global':
      return draft.globals.length
    case 'tag':
      return draft.tags.length
  }
}
