import { compose, type ImportFunction, type Interceptor } from '../../runtime/intercept/interceptor.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { type AbiName, findRow, wasmParameters } from '../../wasm-shim/wasi/abi.ts'

/** A guest's memory and a way to call imports as it would, without a module. */
export function createCaller(handlers: Readonly<Record<string, ImportFunction>> = {}) {
  const memory = new WebAssembly.Memory({ initial: 6 })
  const made: string[] = []
  /** The import behind the interceptors. Without a handler it answers 0. */
  const link = (name: string, interceptors: readonly Interceptor[], module: AbiName = 'wasi_snapshot_preview1') => {
    const params = wasmParameters(findRow(module, name)!).map((type) => ValType[type])
    const innermost: ImportFunction = (...args) => {
      made.push(name)
      return handlers[name]?.(...args) ?? 0
    }
    return compose(interceptors, innermost, { index: 0, module, name, params, results: [ValType.i32] })
  }
  const view = () => new DataView(memory.buffer)
  return {
    memory: () => memory,
    view,
    link,
    /** Names of the calls that reached the innermost function. */
    made,
    putText: (at: number, text: string) => {
      const bytes = new TextEncoder().encode(text)
      new Uint8Array(memory.buffer).set(bytes, at)
      return bytes.length
    },
    putVector: (at: number, pointer: number, length: number) => {
      view().setUint32(at, pointer, true)
      view().setUint32(at + 4, length, true)
    },
  }
}
