import type { StasisError } from '../../../wasm-shim/errors.ts'
import { readOutline } from '../../../wasm-shim/module/outline.ts'
import { entryOf, findProblems, knownImport, type ModuleReport } from './module-report.ts'

/** Of a module that only its outside is understood of, since it uses what `refusal` says. Throws STASIS_MODULE_*. */
export function reportOutline(file: string, bytes: Uint8Array, refusal: StasisError): ModuleReport {
  const { imports, exports, memories, counts, start } = readOutline(bytes)
  const reported = imports.map(({ module, name, kind }) => knownImport(module, name, kind))
  const count = (kind: string): number => imports.filter((item) => item.kind === kind).length
  const imported = count('func')
  const entry = entryOf(exports)
  const { feature } = refusal.fields
  return {
    kind: 'module',
    file,
    size: bytes.length,
    functions: { imported, defined: counts.functions - imported },
    memories: memories.map(({ min, max }, index) => ({ min, max: max ?? null, imported: index < count('memory') })),
    tables: counts.tables,
    globals: null,
    imports: reported,
    exports: exports.map(({ name, kind }) => ({ name, kind })),
    entry,
    startFunction: start !== undefined,
    features: typeof feature === 'string' ? [feature] : [],
    engine: 'log-only',
    refusal: { code: refusal.code, message: refusal.message },
    problems: [...findProblems(reported, entry), ...compileProblems(bytes)],
  }
}

/** That this host cannot run what the pre-linker leaves as it is. */
export function compileProblems(bytes: Uint8Array): ModuleReport['problems'] {
  if (WebAssembly.validate(bytes)) return []
  const message = `Node ${process.version} cannot run it either. Use a newer one, or compile the program without what it lacks.`
  return [{ code: 'STASIS_MODULE_INVALID', message }]
}
