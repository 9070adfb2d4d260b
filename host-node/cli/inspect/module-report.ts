import type { Engine } from '../../../runtime/engine/engine.ts'
import { refusals } from '../../../runtime/session/choose-engine.ts'
import { isStasisError } from '../../../wasm-shim/errors.ts'
import type { ExternKind, WasmModule } from '../../../wasm-shim/module/model.ts'
import { readModule } from '../../../wasm-shim/module/read.ts'
import { abis, findRow } from '../../../wasm-shim/wasi/abi.ts'
import { listFeatures } from './features.ts'
import { compileProblems, reportOutline } from './outline-report.ts'

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
  /** null where the module can only be read from outside. */
  readonly globals: { readonly mutable: number; readonly constant: number } | null
  readonly imports: readonly ImportReport[]
  readonly exports: readonly { readonly name: string; readonly kind: ExternKind }[]
  /** 'command' has `_start`, 'reactor' `_initialize`; 'library' neither. */
  readonly entry: 'command' | 'reactor' | 'library'
  readonly startFunction: boolean
  readonly features: readonly string[]
  /** What runs it; log-only where the instrumented engine refuses it. */
  readonly engine: Engine['kind']
  /** Why there can be no checkpoints of it. */
  readonly refusal?: Problem
  /** Why it cannot run; empty when it can. */
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

/** Throws STASIS_MODULE_MALFORMED, or STASIS_MODULE_UNSUPPORTED for what is no core module. */
export function reportModule(file: string, bytes: Uint8Array, prelink: (bytes: Uint8Array) => unknown): ModuleReport {
  let module: WasmModule
  try {
    module = readModule(bytes)
  } catch (error) {
    if (!isStasisError(error) || error.code !== 'STASIS_MODULE_UNSUPPORTED') throw error
    return reportOutline(file, bytes, error)
  }
  const imports = module.imports.map(({ module: from, name, desc }) => knownImport(from, name, desc.kind))
  const mutable = module.globals.filter((global) => global.mutable).length
  const entry = entryOf(module.exports)
  const problem = prelinkProblem(() => prelink(bytes))
  const isRefused = problem !== undefined && refusals.has(problem.code)
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
    entry,
    startFunction: module.start !== undefined,
    features: attempt(() => listFeatures(module)) ?? [],
    engine: isRefused ? 'log-only' : 'instrumented',
    ...(isRefused && { refusal: problem }),
    problems: [
      ...findProblems(imports, entry),
      ...(isRefused ? compileProblems(bytes) : []),
      ...(problem !== undefined && !isRefused ? [problem] : []),
    ],
  }
}

export function knownImport(module: string, name: string, kind: ExternKind): ImportReport {
  return { module, name, kind, known: kind === 'func' && findRow(module, name) !== undefined }
}

export function entryOf(exports: WasmModule['exports']): ModuleReport['entry'] {
  const exported = (name: string) => exports.some((item) => item.kind === 'func' && item.name === name)
  if (exported('_start')) return 'command'
  return exported('_initialize') ? 'reactor' : 'library'
}

export function findProblems(imports: readonly ImportReport[], entry: ModuleReport['entry']): readonly Problem[] {
  const problems: Problem[] = imports
    .filter((item) => !item.known)
    .map((item) => ({
      code: 'STASIS_IMPORT_UNKNOWN',
      message:
        item.kind === 'func'
          ? `It imports the function ${item.module}.${item.name}, which is not one of ${Object.keys(abis).join(', ')}.`
          : `It imports the ${item.kind} ${item.module}.${item.name}; only functions of WASI can be imported.`,
    }))
  if (entry === 'library')
    problems.push({
      code: 'STASIS_NO_ENTRY',
      message: 'It exports neither _start nor _initialize, so nothing can be run.',
    })
  return problems
}

function prelinkProblem(prelink: () => unknown): Problem | undefined {
  try {
    prelink()
    return undefined
  } catch (error) {
    if (!isStasisError(error)) throw error
    return { code: error.code, message: error.message }
  }
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
