/**
 * Writes one continuation (D3). It loads the frame's values, enters the continuation of the frame inside, and then runs
 * what is left of the original function:
 *
 *     loop A                          block $exit                    ;; A's results
 *       before                          block $again                 ;; A's parameters
 *       block B                           block B
 *         x  call $f  y          =>         (call next frame)  y     ;; `br B` as before, `br A` becomes `br $again`
 *       end                               end
 *       after                             after
 *     end                                 br $exit
 *     rest                              end
 *                                       loop A  before block B ... end after  end
 *                                     end
 *                                     rest
 *
 * so no loop dispatches on where it was.
 */
import type { ByteWriter } from '../bytes/writer.ts'
import { blockParams, blockResults } from '../module/block-type.ts'
import type { CodeCursor } from '../module/code.ts'
import { type FuncType, ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { BodyEmitter } from './emit.ts'
import type { Helpers } from './helpers.ts'
import type { AddedParts } from './parts.ts'
import { Construct, type FunctionPlan, SiteKind } from './plan.ts'
import { clauseAround, rethrownAround, siteValues } from './site-values.ts'
import { loadValue } from './values.ts'

export class FrameWriter {
  readonly #emitter: BodyEmitter
  readonly #helpers: Helpers
  readonly #parts: AddedParts
  readonly #cursor: CodeCursor
  readonly #types: readonly FuncType[]
  readonly #next: (out: ByteWriter, results: readonly ValType[]) => void
  #site = 0
  /** Constructs around the site, outermost (the function) first. */
  #chain: number[] = []
  /** Local for the tag of a saved exception; -1 where none is needed. */
  #which = -1

  constructor(
    emitter: BodyEmitter,
    helpers: Helpers,
    parts: AddedParts,
    cursor: CodeCursor,
    types: readonly FuncType[],
    next: (out: ByteWriter, results: readonly ValType[]) => void,
  ) {
    this.#emitter = emitter
    this.#helpers = helpers
    this.#parts = parts
    this.#cursor = cursor
    this.#types = types
    this.#next = next
  }

  get #plan(): FunctionPlan {
    return this.#emitter.plan
  }

  /** `site` counts within the function. */
  write(site: number): void {
    const plan = this.#plan
    const { out } = this.#emitter
    this.#site = site
    this.#chain = []
    for (let c = plan.siteConstruct.at(site); c >= 0; c = plan.constructParent.at(c)) this.#chain.unshift(c)
    const locals = [...plan.locals]
    this.#which = rethrownAround(plan, site).length > 0 ? locals.push(ValType.i32) - 1 : -1
    writeLocalRuns(out, locals)
    for (const local of siteValues(plan, site)) {
      loadValue(out, this.#helpers.code, plan.locals[local] as ValType)
      out.u8(Op.localSet)
      out.u32(local)
    }
    this.#emitter.body(plan.type.results, (label) => this.#level(0, [label]))
    out.u8(Op.end)
  }

  /** The construct at this depth of the chain: its operands, what lies inside, and the rest of it. */
  #level(level: number, enclosing: readonly number[]): void {
    const plan = this.#plan
    const emitter = this.#emitter
    const construct = this.#chain[level] as number
    const inner = this.#chain[level + 1]
    const operands = plan.siteOperands.at(this.#site)
    const from = plan.constructBase.at(construct)
    const to = inner === undefined ? plan.siteOperands.at(this.#site + 1) - operands : plan.constructBase.at(inner)
    for (let height = from; height < to; height++) {
      emitter.out.u8(Op.localGet)
      emitter.out.u32(plan.operands.at(operands + height))
    }
    if (inner === undefined) {
      this.#reenter(enclosing)
      emitter.range(plan.siteEnd.at(this.#site), this.#regionEnd(construct), this.#site + 1, enclosing, true)
      return
    }
    this.#inner(level + 1, inner, enclosing)
    const rest = this.#behind(inner)
    emitter.range(rest, this.#regionEnd(construct), this.#siteFrom(rest), enclosing, true)
  }

  #reenter(enclosing: readonly number[]): void {
    const emitter = this.#emitter
    const type = this.#plan.siteType.at(this.#site)
    const results = type < 0 ? [] : (this.#types[type] as FuncType).results
    const label = (a: number) => emitter.depth - (enclosing[enclosing.length - 1 - a] as number)
    emitter.site(this.#site, label, false, () => this.#next(emitter.out, results))
  }

  #inner(level: number, construct: number, enclosing: readonly number[]): void {
    const plan = this.#plan
    const emitter = this.#emitter
    const { out } = emitter
    const type = plan.constructType.at(construct)
    const results = blockResults(this.#types, type)
    const block = this.#parts.blockType([], results)
    const label = (a: number) => emitter.depth - (enclosing[enclosing.length - 1 - a] as number)
    switch (plan.constructKind.at(construct)) {
      case Construct.loop: {
        const exit = emitter.open(Op.block, block)
        const again = emitter.open(Op.block, this.#parts.blockType([], blockParams(this.#types, type)))
        this.#level(level, [...enclosing, again])
        out.u8(Op.br)
        out.u32(emitter.depth - exit)
        emitter.close()
        const at = plan.constructAt.at(construct)
        emitter.range(at, this.#behind(construct), this.#siteFrom(at), enclosing, false)
        emitter.close()
        return
      }
      case Construct.try: {
        const clause = clauseAround(plan, construct, this.#at)
        if (clause === undefined) {
          const end = plan.constructEnd.at(construct)
          const handlers = plan.clauses.get(construct)?.[0]?.at
          const position = emitter.open(Op.try, block)
          this.#level(level, [...enclosing, position])
          if (this.#cursor.bytes[end] === Op.delegate) {
            emitter.depth--
            this.#cursor.moveTo(end, plan.end)
            this.#cursor.next()
            out.u8(Op.delegate)
            out.u32(label(this.#cursor.a))
            return
          }
          if (handlers !== undefined)
            emitter.range(handlers, end, this.#siteFrom(handlers), [...enclosing, position], false)
          emitter.close()
          return
        }
        if (clause.rethrown) {
          const position = emitter.open(Op.try, block)
          this.#helpers.code.host(out, 'get32')
          out.u8(Op.localSet)
          out.u32(this.#which)
          this.#helpers.throwSaved(out, this.#which)
          out.u8(Op.catchAll)
          this.#level(level, [...enclosing, position])
          emitter.close()
          return
        }
        break
      }
      case Construct.tryTable: {
        this.#cursor.moveTo(plan.constructAt.at(construct), plan.end)
        this.#cursor.next()
        const { b, count } = this.#cursor
        out.u8(Op.tryTable)
        out.s33(block)
        emitter.catchList(b, count, label)
        const position = ++emitter.depth
        this.#level(level, [...enclosing, position])
        emitter.close()
        return
      }
    }
    const position = emitter.open(Op.block, block)
    this.#level(level, [...enclosing, position])
    emitter.close()
  }

  get #at(): number {
    return this.#plan.siteAt.at(this.#site)
  }

  /** Offset behind a construct's `end` (or `delegate`). */
  #behind(construct: number): number {
    const end = this.#plan.constructEnd.at(construct)
    this.#cursor.moveTo(end, this.#plan.end)
    this.#cursor.next()
    return this.#cursor.pos
  }

  /** Where the part of a construct that contains the site ends: at `else`, the next `catch`, or `end`. */
  #regionEnd(construct: number): number {
    const plan = this.#plan
    const end = plan.constructEnd.at(construct)
    switch (plan.constructKind.at(construct)) {
      case Construct.if: {
        const otherwise = plan.constructElse.at(construct)
        return otherwise > this.#at ? otherwise : end
      }
      case Construct.try:
        return plan.clauses.get(construct)?.find((clause) => clause.at > this.#at)?.at ?? end
      default:
        return end
    }
  }

  /** The first site of the code that begins at `offset`. A poll there belongs to the loop that opens just before. */
  #siteFrom(offset: number): number {
    const { siteAt, siteKind, siteCount } = this.#plan
    let low = 0
    let high = siteCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (siteAt.at(middle) < offset) low = middle + 1
      else high = middle
    }
    return low < siteCount && siteAt.at(low) === offset && siteKind.at(low) === SiteKind.poll ? low + 1 : low
  }
}

function writeLocalRuns(out: ByteWriter, types: readonly ValType[]): void {
  const runs: { type: ValType; count: number }[] = []
  for (const type of types) {
    const last = runs.at(-1)
    if (last?.type === type) last.count++
    else runs.push({ type, count: 1 })
  }
  out.u32(runs.length)
  for (const { type, count } of runs) {
    out.u32(count)
    out.u8(type)
  }
}
