/**
 * Writes the places where a stack can be captured: calls with their handlers, polls, and what saves a frame's values there.
 *
 * A call site, before and after (legacy encoding; T is the callee's type, u our tag):
 *
 *     call $f        try T  call $f  catch u  (site number) (live values)  call $save  throw u  end
 *
 * and with exnref:
 *
 *     block T  block (params T)  try_table T (catch u 0)  call $f  end  br 1  end  (save)  throw u  end
 */
import type { ByteWriter } from '../bytes/writer.ts'
import { emptyBlock } from '../module/code.ts'
import { type FuncType, ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { EmitTarget } from './emit-target.ts'
import { valuesPerCall } from './helpers.ts'
import { type FunctionPlan, SiteKind } from './plan.ts'
import { rethrownAround, siteValues } from './site-values.ts'

/** Iterations between polls (D11). */
const pollInterval = 1000

/** For functions without exceptions of their own, where no handler asks for a label. */
export const noLabel = (): never => {
  throw new RangeError('no label is known here')
}

export class SiteWriter {
  readonly #target: EmitTarget
  readonly #out: ByteWriter
  #plan!: FunctionPlan
  #firstSite = 0
  /** Block types around calls. */
  readonly #blocks = new Map<number, number>()

  constructor(target: EmitTarget, out: ByteWriter) {
    this.#target = target
    this.#out = out
  }

  /** `firstSite` is the number of the function's first call site. */
  begin(plan: FunctionPlan, firstSite: number): void {
    this.#plan = plan
    this.#firstSite = firstSite
  }

  /** The number by which a frame names a site of the function. */
  numberOf(site: number): number {
    return this.#firstSite + site
  }

  /** Emits: copy the values on top of the stack into these locals, and leave them there. */
  spill(locals: readonly number[]): void {
    const out = this.#out
    for (let i = locals.length - 1; i > 0; i--) {
      out.u8(Op.localSet)
      out.u32(locals[i] as number)
    }
    out.u8(Op.localTee)
    out.u32(locals[0] as number)
    for (let i = 1; i < locals.length; i++) {
      out.u8(Op.localGet)
      out.u32(locals[i] as number)
    }
  }

  /**
   * Emits one site: its call, which `write` writes, and the handler around it. Without `withArguments` the call takes
   * nothing from the stack.
   */
  call(site: number, label: (a: number) => number, withArguments: boolean, write: () => void): void {
    const out = this.#out
    const { parts, encoding, unwindTag } = this.#target
    const block = this.#siteBlock(site, withArguments)
    if (encoding === 'legacy') {
      out.u8(Op.try)
      out.s33(block)
      write()
      out.u8(Op.catch)
      out.u32(unwindTag)
      this.#save(site, label, 1)
    } else {
      out.u8(Op.block)
      out.s33(block)
      out.u8(Op.block)
      out.s33(parts.blockType(this.#siteParams(site, withArguments), []))
      out.u8(Op.tryTable)
      out.s33(block)
      out.u32(1)
      out.u8(0)
      out.u32(unwindTag)
      out.u32(0)
      write()
      out.u8(Op.end)
      out.u8(Op.br)
      out.u32(1)
      out.u8(Op.end)
      this.#save(site, label, 1)
    }
    out.u8(Op.throw)
    out.u32(unwindTag)
    out.u8(Op.end)
  }

  /** What a site's call takes from the stack. */
  #siteParams(site: number, withArguments: boolean): readonly ValType[] {
    const plan = this.#plan
    const { module } = this.#target
    const type = plan.siteType.at(site)
    if (!withArguments || type < 0) return []
    const { params } = module.types[type] as FuncType
    if (plan.siteKind.at(site) !== SiteKind.indirect) return params
    return [...params, module.tables[plan.siteTable.at(site)]?.limits.is64 ? ValType.i64 : ValType.i32]
  }

  /** Block type around a site's call; remembered, since there are many more sites than types. */
  #siteBlock(site: number, withArguments: boolean): number {
    const plan = this.#plan
    const type = plan.siteType.at(site)
    const table = plan.siteKind.at(site) === SiteKind.indirect ? plan.siteTable.at(site) + 1 : 0
    const key = (table * 2 + (withArguments ? 1 : 0)) * 2 ** 32 + type
    let block = this.#blocks.get(key)
    if (block === undefined) {
      const results = type < 0 ? [] : (this.#target.module.types[type] as FuncType).results
      block = this.#target.parts.blockType(this.#siteParams(site, withArguments), results)
      this.#blocks.set(key, block)
    }
    return block
  }

  /** Emits the saving of a site's values and of the exceptions that its enclosing catch bodies will rethrow. */
  #save(site: number, label: (a: number) => number, extraLabels: number): void {
    const out = this.#out
    const plan = this.#plan
    const { helpers, module, unwindTag } = this.#target
    const values = siteValues(plan, site)
    for (let at = 0; at === 0 || at < values.length; at += valuesPerCall) {
      const chunk = values.length <= valuesPerCall ? values : values.slice(at, at + valuesPerCall)
      if (at === 0) {
        out.u8(Op.i32Const)
        out.s32(this.numberOf(site))
      }
      for (const local of chunk) {
        out.u8(Op.localGet)
        out.u32(local)
      }
      out.u8(Op.call)
      out.u32(helpers.save(plan.locals, chunk, at === 0))
    }
    for (const { up } of rethrownAround(plan, site)) {
      out.u8(Op.try)
      out.s33(emptyBlock)
      out.u8(Op.rethrow)
      out.u32(label(up) + extraLabels + 1)
      module.tags.forEach((_, tag) => {
        if (tag === unwindTag) return
        out.u8(Op.catch)
        out.u32(tag)
        out.u8(Op.call)
        out.u32(helpers.saveTag(tag))
      })
      out.u8(Op.catchAll)
      helpers.code.host(out, 'putForeignException')
      out.u8(Op.end)
    }
  }

  /** Emits what counts a loop's iterations, and the site of the poll that is made at times. */
  poll(site: number, label: (a: number) => number): void {
    const out = this.#out
    const plan = this.#plan
    for (const byte of [Op.localGet, plan.counter]) out.u32(byte)
    out.u8(Op.i32Const)
    out.s32(1)
    out.u8(Op.i32Add)
    for (const byte of [Op.localTee, plan.counter]) out.u32(byte)
    out.u8(Op.i32Const)
    out.s32(pollInterval)
    out.u8(Op.i32GeU)
    out.u8(Op.if)
    out.s33(emptyBlock)
    out.u8(Op.i32Const)
    out.s32(0)
    for (const byte of [Op.localSet, plan.counter]) out.u32(byte)
    this.call(
      site,
      (a) => label(a) + 1,
      false,
      () => {
        out.u8(Op.call)
        out.u32(this.#target.poll())
      },
    )
    out.u8(Op.end)
  }
}
