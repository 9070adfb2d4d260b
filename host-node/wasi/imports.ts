import type { ImportFunction, ImportSite } from '../../runtime/intercept/interceptor.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { abis, type Row, wasmParameters } from '../../wasm-shim/wasi/abi.ts'
import { type Gate, gateFunction } from './gate.ts'
import { notStarted } from './node-errors.ts'
import type { Abi } from './options.ts'

type Link = (site: ImportSite) => ImportFunction

/** The functions of `wasiImport`, by name. They throw ERR_WASI_NOT_STARTED until `open` is called. */
export class ImportGates {
  readonly functions: Record<string, ImportFunction>
  readonly #gates: readonly Gate[]
  readonly #link: Link

  /** `early`: names of functions that need no memory and can be called before. */
  constructor(abi: Abi, link: Link, fail: (thrown: unknown) => never, early: readonly string[]) {
    this.#link = link
    this.#gates = [...abis[abi].values()].map((row, index) => ({ site: siteOf(abi, row, index), target: closed, fail }))
    this.functions = Object.fromEntries(this.#gates.map((gate) => [gate.site.name, gateFunction(gate)]))
    for (const gate of this.#gates) if (early.includes(gate.site.name)) this.#unlink(gate)
  }

  /** Lets calls through, each by a link that is asked for when it is needed. Again: asks for all links anew. */
  open(): void {
    for (const gate of this.#gates) this.#unlink(gate)
  }

  /** Puts a function in the place of an import. Throws STASIS_IMPORT_UNKNOWN for one that is not here. */
  bind({ module, name }: ImportSite, func: ImportFunction): void {
    const gate = this.#gates.find(({ site }) => site.module === module && site.name === name)
    if (gate === undefined) {
      const message = `The module imports ${module}.${name}. With the option "checkpoints" it can import functions of WASI only.`
      throw new StasisError('STASIS_IMPORT_UNKNOWN', message, { module, name })
    }
    gate.target = func
  }

  #unlink(gate: Gate): void {
    gate.target = (...args) => {
      gate.target = this.#link(gate.site)
      return gate.target(...args)
    }
  }
}

const closed: ImportFunction = () => {
  throw notStarted()
}

function siteOf(module: Abi, row: Row, index: number): ImportSite {
  return {
    index,
    module,
    name: row.name,
    params: wasmParameters(row).map((type) => ValType[type]),
    results: row.returns === 'errno' ? [ValType.i32] : [],
  }
}
