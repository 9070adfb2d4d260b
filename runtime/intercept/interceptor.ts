import type { ValType } from '../../wasm-shim/module/model.ts'

/** A number for i32, f32, f64; a bigint for i64; references as JavaScript passes them. */
export type WasmValue = unknown

/** One import as a JavaScript function of its wasm parameters. Results follow the JS API: none, one, or an array. */
// biome-ignore lint/suspicious/noExplicitAny: WebAssembly passes values whose types only the module knows
export type ImportFunction = (...args: any[]) => WasmValue

/** What is known of an import when it is linked. */
export interface ImportSite {
  /** Function index in the module (imports come first). */
  readonly index: number
  readonly module: string
  readonly name: string
  readonly params: readonly ValType[]
  readonly results: readonly ValType[]
}

/**
 * An interceptor stands between guest and host: it is given the next function and the site it stands before, once, when
 * the module is linked, and returns the function that the guest calls. Composition costs nothing at link time and one
 * call at run time.
 */
export type Interceptor = (next: ImportFunction, site: ImportSite) => ImportFunction

/** Interceptors from the outermost (nearest to the guest) to the innermost. */
export function compose(
  interceptors: readonly Interceptor[],
  innermost: ImportFunction,
  site: ImportSite,
): ImportFunction {
  return interceptors.reduceRight((next, interceptor) => interceptor(next, site), innermost)
}
