/** Types and functions that are added to a module while its code is being written. */
import { ByteWriter } from '../bytes/writer.ts'
import { emptyBlock } from '../module/code.ts'
import type { FuncType, ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import { type HostFunction, hostFunctions, hostSlot } from './host-functions.ts'

export class AddedParts {
  readonly types: FuncType[] = []
  /** Type index and finished body (without its size) of each added function. */
  readonly functions: { type: number; body: Uint8Array }[] = []
  readonly #firstType: number
  readonly #firstFunction: number
  readonly #typeIndex = new Map<string, number>()

  constructor(types: readonly FuncType[], firstFunction: number) {
    this.#firstType = types.length
    this.#firstFunction = firstFunction
    types.forEach((type, index) => {
      const key = typeKey(type.params, type.results)
      if (!this.#typeIndex.has(key)) this.#typeIndex.set(key, index)
    })
  }

  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = typeKey(params, results)
    const known = this.#typeIndex.get(key)
    if (known !== undefined) return known
    const index = this.#firstType + this.types.push({ params, results }) - 1
    this.#typeIndex.set(key, index)
    return index
  }

  /** The shortest block type for this signature. */
  blockType(params: readonly ValType[], results: readonly ValType[]): number {
    if (params.length === 0 && results.length === 0) return emptyBlock
    if (params.length === 0 && results.length === 1) return (results[0] as number) - 0x80
    return this.type(params, results)
  }

  /**
   * Adds a function and returns its index; `write` gives local declarations and instructions, without the last `end`.
   * `announce` is told the index first: `write` may add functions that call this one.
   */
  func(
    params: readonly ValType[],
    results: readonly ValType[],
    write: (out: ByteWriter) => void,
    announce?: (index: number) => void,
  ): number {
    const slot = this.functions.push({ type: this.type(params, results), body: noBody }) - 1
    const index = this.#firstFunction + slot
    announce?.(index)
    const out = new ByteWriter(64)
    write(out)
    out.u8(Op.end)
    this.functions[slot] = { type: this.type(params, results), body: out.finish() }
    return index
  }
}

const noBody = new Uint8Array(0)

function typeKey(params: readonly ValType[], results: readonly ValType[]): string {
  return `${params.join()}>${results.join()}`
}

/** Writes the call of an engine function. */
export type HostCall = (out: ByteWriter, name: HostFunction) => void

/** In the main module: through the host table. */
export function callThroughTable(parts: AddedParts, table: number): HostCall {
  return (out, name) => {
    const { params, results } = hostFunctions[name]
    out.u8(Op.i32Const)
    out.s32(hostSlot(name))
    out.u8(Op.callIndirect)
    out.u32(parts.type(params, results))
    out.u32(table)
  }
}
