import { StasisError } from '../../wasm-shim/errors.ts'
import type { PrelinkMetadata } from '../../wasm-shim/prelink/index.ts'
import type { ImportFunction, ImportSite } from '../intercept/interceptor.ts'
import type { EngineOptions } from './engine.ts'

/** An instance that the caller has made of the pre-linked module, and of which nothing has been called. */
export interface Adoption {
  readonly instance: WebAssembly.Instance
  /** Makes one of the instance's imports call this function from now on; throws where it cannot. */
  readonly bind: (site: ImportSite, func: ImportFunction) => void
}

/** The instance to run, made or adopted, in which `intercept` stands in the place of every import. */
export function provideInstance(
  module: WebAssembly.Module,
  metadata: PrelinkMetadata,
  intercept: (site: ImportSite) => ImportFunction,
  extern: EngineOptions['extern'],
  adoption: Adoption | undefined,
): WebAssembly.Instance {
  const sites = metadata.imports.map(({ module, name, params, results }, index) => ({
    index,
    module,
    name,
    params,
    results,
  }))
  if (adoption !== undefined) {
    if (!Object.hasOwn(adoption.instance.exports, `${metadata.prefix}unwind`)) {
      const message = 'The instance is not of the pre-linked module that was given with it. Instantiate that one.'
      throw new StasisError('STASIS_PRELINK_MISSING', message)
    }
    for (const site of sites) adoption.bind(site, intercept(site))
    return adoption.instance
  }
  const imports: WebAssembly.Imports = {}
  const provide = (from: string, name: string, value: unknown) => {
    imports[from] ??= {}
    imports[from][name] = value
  }
  for (const item of WebAssembly.Module.imports(module)) {
    if (item.kind !== 'function') provide(item.module, item.name, extern?.(item.module, item.name))
  }
  metadata.imports.forEach(({ module: from, link }, index) => {
    provide(from, link, intercept(sites[index]!))
  })
  return new WebAssembly.Instance(module, imports)
}
