/**
 * The out-of-line helpers that handlers call: one per signature of saved values, one per exception tag, and for exnref
 * one that takes an exception apart. They are added to whichever module is being written, when first asked for.
 */
import type { ByteWriter } from '../bytes/writer.ts'
import { emptyBlock } from '../module/code.ts'
import { ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { AddedParts, HostCall } from './parts.ts'
import { loadValue, saveLocal, typeRank, type ValueCode } from './values.ts'

/** Values per helper call: engines allow 1,000 parameters, and the first one is the site number. */
export const valuesPerCall = 200

const keyUnit = [2, 2 ** 9, 2 ** 17, 2 ** 25]

export class Helpers {
  readonly #parts: AddedParts
  readonly #host: HostCall
  /** Parameters of each guest tag. */
  readonly #tags: readonly (readonly ValType[])[]
  readonly #known = new Map<string, number>()
  readonly #saves = new Map<number, number>()
  readonly code: ValueCode

  constructor(parts: AddedParts, host: HostCall, tags: readonly (readonly ValType[])[]) {
    this.#parts = parts
    this.#host = host
    this.#tags = tags
    this.code = { host, saveException: () => this.saveException(), loadException: () => this.loadException() }
  }

  /** Adds a helper unless it is there. It is known before it is written, since those of exceptions call each other. */
  #once(
    key: string,
    params: readonly ValType[],
    results: readonly ValType[],
    write: (out: ByteWriter) => void,
  ): number {
    return this.#known.get(key) ?? this.#parts.func(params, results, write, (index) => this.#known.set(key, index))
  }

  /** (site, values...) or (values...): saves the values of these locals, which are grouped by type. */
  save(types: readonly ValType[], locals: readonly number[], begins: boolean): number {
    // At most 200 values of 8 types: counts of the first four fit a number exactly, the others are rare.
    let key = begins ? 1 : 0
    let rare = false
    for (const local of locals) {
      const rank = typeRank[types[local] as number] as number
      if (rank < 4) key += keyUnit[rank] as number
      else rare = true
    }
    const known = rare ? undefined : this.#saves.get(key)
    if (known !== undefined) return known
    const signature = locals.map((local) => types[local] as ValType)
    const index = this.#addSave(`${begins ? 'begin' : 'more'} ${signature.join()}`, signature, begins)
    if (!rare) this.#saves.set(key, index)
    return index
  }

  #addSave(key: string, types: readonly ValType[], begins: boolean): number {
    const params = begins ? [ValType.i32, ...types] : types
    return this.#once(key, params, [], (out) => {
      out.u32(0)
      params.forEach((type, local) => {
        if (begins && local === 0) {
          out.u8(Op.localGet)
          out.u32(0)
          this.#host(out, 'begin')
        } else saveLocal(out, this.code, type, local)
      })
    })
  }

  /** A function that only calls the engine: what code calls where the engine is not an import. */
  trampoline(name: 'poll'): number {
    return this.#once(name, [], [], (out) => {
      out.u32(0)
      this.#host(out, name)
    })
  }

  /** (payload...): saves which tag (index + 1) and the payload of a caught exception. */
  saveTag(tag: number): number {
    const params = this.#tags[tag] as readonly ValType[]
    return this.#once(`tag ${tag}`, params, [], (out) => {
      out.u32(0)
      out.u8(Op.i32Const)
      out.s32(tag + 1)
      this.#host(out, 'put32')
      params.forEach((type, local) => {
        saveLocal(out, this.code, type, local)
      })
    })
  }

  /** (exnref): saves 0 for null, otherwise as saveTag. */
  saveException(): number {
    return this.#once('save exnref', [ValType.exnref], [], (out) => {
      const tags = this.#tags
      const blocks = tags.map((params) => this.#parts.blockType([], params))
      out.u32(0)
      get(out, 0)
      out.u8(Op.refIsNull)
      out.u8(Op.if)
      out.s33(emptyBlock)
      out.u8(Op.i32Const)
      out.s32(0)
      this.#host(out, 'put32')
      out.u8(Op.return)
      out.u8(Op.end)
      out.u8(Op.block)
      out.s33(emptyBlock)
      for (let tag = tags.length - 1; tag >= 0; tag--) {
        out.u8(Op.block)
        out.s33(blocks[tag] as number)
      }
      out.u8(Op.tryTable)
      out.s33(emptyBlock)
      out.u32(tags.length + 1)
      tags.forEach((_, tag) => {
        out.u8(0)
        out.u32(tag)
        out.u32(tag)
      })
      out.u8(2)
      out.u32(tags.length)
      get(out, 0)
      out.u8(Op.throwRef)
      out.u8(Op.end)
      out.u8(Op.unreachable)
      tags.forEach((_, tag) => {
        out.u8(Op.end)
        out.u8(Op.call)
        out.u32(this.saveTag(tag))
        out.u8(Op.return)
      })
      out.u8(Op.end)
      this.#host(out, 'putForeignException')
    })
  }

  /** () -> exnref: the reverse; a fresh exception of the same tag and payload. */
  loadException(): number {
    return this.#once('load exnref', [], [ValType.exnref], (out) => {
      out.u32(1)
      out.u32(1)
      out.u8(ValType.i32)
      this.#host(out, 'get32')
      out.u8(Op.localTee)
      out.u32(0)
      out.u8(Op.i32Eqz)
      out.u8(Op.if)
      out.s33(emptyBlock)
      out.u8(Op.refNull)
      out.u8(ValType.exnref)
      out.u8(Op.return)
      out.u8(Op.end)
      out.u8(Op.block)
      out.s33(ValType.exnref - 0x80)
      out.u8(Op.tryTable)
      out.s33(emptyBlock)
      out.u32(1)
      out.u8(3)
      out.u32(0)
      this.throwSaved(out, 0)
      out.u8(Op.end)
      out.u8(Op.unreachable)
      out.u8(Op.end)
    })
  }

  /** Emits: throw the exception whose tag index + 1 is in `which` and whose payload comes next. */
  throwSaved(out: ByteWriter, which: number): void {
    this.#tags.forEach((params, tag) => {
      get(out, which)
      out.u8(Op.i32Const)
      out.s32(tag + 1)
      out.u8(0x46)
      out.u8(Op.if)
      out.s33(emptyBlock)
      for (const type of params) loadValue(out, this.code, type)
      out.u8(Op.throw)
      out.u32(tag)
      out.u8(Op.end)
    })
    out.u8(Op.unreachable)
  }
}

function get(out: ByteWriter, local: number): void {
  out.u8(Op.localGet)
  out.u32(local)
}
