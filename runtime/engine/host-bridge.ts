import { emptyModule, writeModule } from '../../wasm-shim/module/write.ts'
import { type HostFunction, hostFunctionNames, hostFunctions } from '../../wasm-shim/prelink/index.ts'
import type { ImportFunction } from '../intercept/interceptor.ts'

let compiled: WebAssembly.Module | undefined

/**
 * Only functions of a wasm module can stand in a table. This one imports the engine's functions and exports them again,
 * which gives each its wasm type.
 */
export function bridgeHostFunctions(host: Readonly<Record<HostFunction, ImportFunction>>): WebAssembly.Exports {
  compiled ??= new WebAssembly.Module(bridgeModule())
  return new WebAssembly.Instance(compiled, { host }).exports
}

function bridgeModule(): Uint8Array {
  return writeModule({
    ...emptyModule,
    types: hostFunctionNames.map((name) => hostFunctions[name]),
    imports: hostFunctionNames.map((name, type) => ({ module: 'host', name, desc: { kind: 'func', type } })),
    functions: Uint32Array.from(hostFunctionNames.keys()),
    imported: { ...emptyModule.imported, functions: hostFunctionNames.length },
    exports: hostFunctionNames.map((name, index) => ({ name, kind: 'func', index })),
  })
}
