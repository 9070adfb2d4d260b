// The part of the WebAssembly JavaScript API that the project uses, with any Uint8Array accepted where bytes are. Stands in
// for the DOM's declarations in every folder.

declare namespace WebAssembly {
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref' | 'anyfunc'
  // biome-ignore lint/complexity/noBannedTypes: what the JS API says of an exported function
  type ExportValue = Function | Global | Memory | Table | Tag
  type Exports = Record<string, ExportValue>
  type ModuleImports = Record<string, unknown>
  type Imports = Record<string, ModuleImports>
  class Module {
    constructor(bytes: Uint8Array)
    static exports(module: Module): { name: string; kind: string }[]
    static imports(module: Module): { module: string; name: string; kind: string }[]
    static customSections(module: Module, name: string): ArrayBuffer[]
  }
  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Exports
  }
  class Memory {
    constructor(type: { initial: number; maximum?: number; shared?: boolean })
    readonly buffer: ArrayBuffer
    /** BigInt for 64-bit memories; tables likewise. */
    grow(pages: number | bigint): number | bigint
  }
  class Table {
    constructor(type: { initial: number; maximum?: number; element: 'anyfunc' | 'externref' })
    /** A BigInt in a 64-bit table. */
    readonly length: number
    get(index: number | bigint): unknown
    set(index: number | bigint, value?: unknown): void
    grow(count: number | bigint, value?: unknown): number | bigint
  }
  class Global<T = unknown> {
    constructor(type: { value: ValueType; mutable?: boolean }, value?: T)
    value: T
  }
  class Tag {
    constructor(type: { parameters: ValueType[] })
  }
  class Exception {
    constructor(tag: Tag, payload: unknown[], options?: { traceStack?: boolean })
    is(tag: Tag): boolean
    getArg(tag: Tag, index: number): unknown
  }
  class RuntimeError extends Error {}
  class CompileError extends Error {}
  class LinkError extends Error {}
  function validate(bytes: Uint8Array): boolean
  function compile(bytes: Uint8Array): Promise<Module>
}
