import { isStasisError } from '../../../wasm-shim/errors.ts'
import type { ExternKind, WasmModule } from '../../../wasm-shim/module/model.ts'
import { readModule } from '../../../wasm-shim/module/read.ts'
import { abis, findRow } from '../../../wasm-shim/wasi/abi.ts'
import { listFeatures } from './features.ts'

/** What `stasis inspect app.wasm` says; this is the JSON. */
export interface ModuleReport {
  readonly kind: 'module'
  readonly file: string
  /** Bytes. */
  readonly size: number
  readonly functions: { readonly imported: number; readonly defined: number }
  /** In pages of 64 KiB; `max` null where there is no limit. */
  readonly memories: readonly { readonly min: number; readonly max: number | null; readonly imported: boolean }[]
  readonly tables: number
  readonly globals: { readonly mutable: number; readonly constant: number }
  readonly imports: readonly ImportReport[]
  readonly exports: readonly { readonly name: string; readonly kind: ExternKind }[]
  /** 'command' has `_start`, 'reactor' `_initialize`; 'library' neither. */
  readonly entry: 'command' | 'reactor' | 'library'
  readonly startFunction: boolean
  readonly features: readonly string[]
  /** Why it cannot run or be checkpointed; empty when it can. */
  readonly problems: readonly Problem[]
}

export interface ImportReport {
  readonly module: string
  readonly name: string
  readonly kind: ExternKind
  /** Whether stasis provides it. */
  readonly known: boolean
}

export interface Problem {
  readonly code: string
  readonly message: string
}

/** Throws STASIS_MODULE_MALFORMED or STASIS_MODULE_UNSUPPORTED where the module cannot even be read. */
export function reportModule(file: string, bytes: Uint8Array, prelink: (bytes: Uint8Array) => unknown): ModuleReport {
  const module = readModule(bytes)
  const imports = module.imports.map(
    ({ module: from, name, desc }): ImportReport => ({
      module: from,
      name,
      kind: desc.kind,
      known: desc.kind === 'func' && findRow(from, name) !== undefined,
    }),
  )
  const mutable = module.globals.filter((global) => global.mutable).length
  return {
    kind: 'module',
    file,
    size: bytes.length,
    functions: { imported: module.imported.functions, defined: module.functions.length - module.imported.functions },
    memories: module.memories.map(({ min, max }, index) => ({
      min,
      max: max ?? null,
      imported: index < module.imported.memories,
    })),
    tables: module.tables.length,
    globals: { mutable, constant: module.globals.length - mutable },
    imports,
    exports: module.exports.map(({ name, kind }) => ({ name, kind })),
    entry: entryOf(module),
    startFunction: module.start !== undefined,
    features: attempt(() => listFeatures(module)) ?? [],
    problems: findProblems(module, imports, () => prelink(bytes)),
  }
}

function entryOf(module: WasmModule): ModuleReport['entry'] {
  const exported = (name: string) => module.exports.some((item) => item.kind === 'func' && item.name === name)
  if (exported('_start')) return 'command'
  return exported('_initialize') ? 'reactor' : 'library'
}

function findProblems(
  module: WasmModule,
  imports: readonly ImportReport[],
  prelink: () => unknown,
): readonly Problem[] {
  const problems: Problem[] = imports
    .filter((item) => !item.known)
    .map((item) => ({
      code: 'STASIS_IMPORT_UNKNOWN',
      message:
        item.kind === 'func'
          ? `It imports the function ${item.module}.${item.name}, which is not one of ${Object.keys(abis).join(', ')}.`
          : `It imports the ${item.kind} ${item.module}.${item.name}; only functions of WASI can be imported.`,
    }))
  if (entryOf(module) === 'library')
    problems.push({
      code: 'STASIS_NO_ENTRY',
      message: 'It exports neither _start nor _initialize, so nothing can be run.',
    })
  try {
    prelink()
  } catch (error) {
    if (!isStasisError(error)) throw error
    problems.push({ code: error.code, message: error.message })
  }
  return problems
}

/** Undefined where the instructions cannot be read; the reason is among the problems. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isStasisError(error)) return undefined
    throw error
  }
}
