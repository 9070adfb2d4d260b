import { StasisError } from '../../wasm-shim/errors.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { compose, type ImportFunction, type ImportSite, type Interceptor } from './interceptor.ts'

/** The functions that a module imports, by function index. Throws STASIS_MODULE_MALFORMED, STASIS_MODULE_UNSUPPORTED. */
export function importSites(module: Uint8Array): readonly ImportSite[] {
  const { imports, types } = readModule(module)
  return imports
    .flatMap(({ module: from, name, desc }) => (desc.kind === 'func' ? [{ from, name, type: types[desc.type]! }] : []))
    .map(({ from, name, type: { params, results } }, index) => ({ index, module: from, name, params, results }))
}

/**
 * Puts interceptors, from the outermost to the innermost, before every function of an import object, whoever made it: node's
 * WASI, an embedder's own functions. `module` is the module's bytes, which tell the functions' types. Other imports are
 * handed through. Throws STASIS_IMPORT_UNKNOWN for a function that is not there.
 *
 *     const imports = interceptImports(bytes, wasi.getImportObject(), [trace(console.error, { memory })])
 *     const instance = await WebAssembly.instantiate(compiled, imports)
 */
export function interceptImports(
  module: Uint8Array,
  imports: WebAssembly.Imports,
  interceptors: readonly Interceptor[],
): WebAssembly.Imports {
  const made: Record<string, Record<string, unknown>> = {}
  for (const [from, values] of Object.entries(imports)) made[from] = { ...values }
  for (const site of importSites(module)) {
    const next = imports[site.module]?.[site.name]
    if (typeof next !== 'function') {
      const message = `The module imports the function ${site.module}.${site.name}, which the imports do not have.`
      throw new StasisError('STASIS_IMPORT_UNKNOWN', message, { module: site.module, name: site.name })
    }
    made[site.module]![site.name] = compose(interceptors, next as ImportFunction, site)
  }
  return made as WebAssembly.Imports
}
