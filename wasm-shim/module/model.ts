/**
 * A WebAssembly module as data. Function bodies and segment payloads stay in the original bytes and are referred to by
 * range, so that reading a 26 MB module allocates little; everything else is decoded. Index spaces are as in the
 * specification: imports first.
 */

/** Value type by its one-byte encoding (WebAssembly core spec 5.3.1; exnref from exception handling). */
export const ValType = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
  exnref: 0x69,
} as const
export type ValType = (typeof ValType)[keyof typeof ValType]

/** Half-open byte range [start, end) in the module's bytes. */
export interface Range {
  readonly start: number
  readonly end: number
}

export interface FuncType {
  readonly params: readonly ValType[]
  readonly results: readonly ValType[]
}

/** Limits in entries or pages. A 64-bit limit above 2^53 - 1 is refused on reading. */
export interface Limits {
  readonly min: number
  readonly max?: number
  readonly shared: boolean
  /** 64-bit addresses (memory64, table64). */
  readonly is64: boolean
  /** log2 of a custom page size; absent for the standard 64 KiB. */
  readonly pageSizeLog2?: number
}

export interface MemoryType extends Limits {}

export interface TableType {
  readonly element: ValType
  readonly limits: Limits
  /** Initialiser expression of the `0x40 0x00` form, including its `end`. */
  readonly init?: Range
}

export interface GlobalType {
  readonly type: ValType
  readonly mutable: boolean
}

export type ExternType =
  | { readonly kind: 'func'; readonly type: number }
  | { readonly kind: 'table'; readonly table: TableType }
  | { readonly kind: 'memory'; readonly memory: MemoryType }
  | { readonly kind: 'global'; readonly global: GlobalType }
  | { readonly kind: 'tag'; readonly type: number }

export interface Import {
  readonly module: string
  readonly name: string
  readonly desc: ExternType
}

export type ExternKind = ExternType['kind']

export interface Export {
  readonly name: string
  readonly kind: ExternKind
  readonly index: number
}

/** A defined global. `init` is the constant expression including its `end`. */
export interface Global {
  readonly type: GlobalType
  readonly init: Range
}

export interface ElementSegment {
  readonly mode: 'active' | 'passive' | 'declarative'
  /** The segment's flags field (0..7) as it stands in the binary, so that the encoding round-trips. */
  readonly flags: number
  readonly table: number
  /** Offset expression including `end`; active only. */
  readonly offset?: Range
  readonly type: ValType
  /** Either function indices, or constant expressions (each including its `end`). */
  readonly items:
    | { readonly kind: 'functions'; readonly indices: Uint32Array }
    | { readonly kind: 'expressions'; readonly ranges: readonly Range[] }
}

export interface DataSegment {
  readonly mode: 'active' | 'passive'
  readonly flags: number
  readonly memory: number
  readonly offset?: Range
  readonly payload: Range
}

/** Function bodies as parallel arrays, one entry a defined function: a module can have 133,000 of them. */
export interface CodeSection {
  /** Start of the local declarations (just after the body's size field). */
  readonly start: Uint32Array
  /** End of the body (just after its final `end`). */
  readonly end: Uint32Array
}

/** One section as it stands in the binary. */
export interface Section {
  readonly id: number
  /** Offset of the id byte. */
  readonly at: number
  /** The contents, after id and size. For custom sections after the name too. */
  readonly body: Range
  /** Custom sections only. */
  readonly name?: string
}

export interface WasmModule {
  readonly bytes: Uint8Array
  readonly sections: readonly Section[]
  readonly types: readonly FuncType[]
  readonly imports: readonly Import[]
  /** Type index of each function, tables/memories/globals/tags likewise: whole index spaces, imports first. */
  readonly functions: Uint32Array
  readonly tables: readonly TableType[]
  readonly memories: readonly MemoryType[]
  readonly globals: readonly GlobalType[]
  /** Type index of each tag. */
  readonly tags: readonly number[]
  /** How many entries at the front of each index space are imported. */
  readonly imported: {
    readonly functions: number
    readonly tables: number
    readonly memories: number
    readonly globals: number
    readonly tags: number
  }
  /** Initialisers of the defined globals. */
  readonly globalInits: readonly Range[]
  readonly exports: readonly Export[]
  readonly start?: number
  readonly elements: readonly ElementSegment[]
  readonly dataCount?: number
  readonly code: CodeSection
  readonly data: readonly DataSegment[]
}
