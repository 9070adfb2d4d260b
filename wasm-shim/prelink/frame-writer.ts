/**
 * Writes continuations (D3). That of a call site loads the frame's values, enters the continuation of the frame inside,
 * and then runs what is left of the original function. For a loop around the site it is left: a function that begins at
 * the loop's head goes on, which the engine has built when a loop is first reached, and which serves all sites in it.
 *
 *     loop A                          block $again                    ;; A's parameters
 *       before                          block B
 *       block B                           (call next frame)  y        ;; `br B` as before, `br A` becomes `br $again`
 *         x  call $f  y          =>     end
 *       end                             after
 *       after                           rest  return
 *     end                             end
 *     rest                            (hand over the live locals)  (call loop A)
 *
 *                                     func  ;; loop A
 *                                       (take over)  loop A  before  block B ... end  after  end
 *                                       rest
 *
 * so no loop dispatches on where it was. What cannot be reached is left out: of an interpreter's loop, all the
 * instructions but the one that waits. A loop whose state cannot be handed over stays where it is:
 * `block $exit  block $again ... br $exit  end  loop A ... end  end`.
 */
import type { ByteWriter } from '../bytes/writer.ts'
import { blockParams, blockResults } from '../module/block-type.ts'
import type { CodeCursor } from '../module/code.ts'
import { type FuncType, ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { BodyEmitter } from './emit.ts'
import type { Helpers } from './helpers.ts'
import { loopsToLeaveFor, valuesAtLoop } from './loop-heads.ts'
import type { AddedParts } from './parts.ts'
import { regionEnd, siteFrom } from './places.ts'
import { Construct, type FunctionPlan } from './plan.ts'
import type { Label } from './reachability.ts'
import { clauseAround, rethrownAround, siteValues } from './site-values.ts'
import { loadValue, saveLocal } from './values.ts'

/** Writes what comes first at the innermost place; returns the offset at which the original code goes on. */
type Enter = (enclosing: readonly Label[]) => number

/** Writes: ask the engine for another continuation, and call it. */
export type CallContinuation = (out: ByteWriter, which: 'next' | 'loop', results: readonly ValType[]) => void

/** The way to the head of a loop around: the label that leaves the body for it, and locals for its parameters. */
interface Head {
  readonly construct: number
  readonly label: Label
  readonly params: readonly number[]
}

export class FrameWriter {
  readonly #emitter: BodyEmitter
  readonly #helpers: Helpers
  readonly #parts: AddedParts
  readonly #cursor: CodeCursor
  readonly #types: readonly FuncType[]
  readonly #call: CallContinuation
  /** The site, or one inside the loop at whose head the function begins. */
  #site = 0
  /** Offset of the site or the loop, and how many operands lie there under what it takes. */
  #at = 0
  #height = 0
  /** Constructs around that, outermost (the function) first. */
  #chain: number[] = []
  #locals: ValType[] = []
  /** From the outermost. */
  #heads: Head[] = []
  /** Local for the tag of a saved exception; -1 where none is needed. */
  #which = -1

  constructor(
    emitter: BodyEmitter,
    helpers: Helpers,
    parts: AddedParts,
    cursor: CodeCursor,
    types: readonly FuncType[],
    call: CallContinuation,
  ) {
    this.#emitter = emitter
    this.#helpers = helpers
    this.#parts = parts
    this.#cursor = cursor
    this.#types = types
    this.#call = call
  }

  get #plan(): FunctionPlan {
    return this.#emitter.plan
  }

  /** The continuation of a call site; `site` counts within the function. */
  site(site: number): void {
    const plan = this.#plan
    const { out } = this.#emitter
    this.#begin(site, plan.siteAt.at(site), plan.siteConstruct.at(site))
    this.#height = plan.siteOperands.at(site + 1) - plan.siteOperands.at(site)
    this.#which = rethrownAround(plan, site).length > 0 ? this.#locals.push(ValType.i32) - 1 : -1
    writeLocalRuns(out, this.#locals)
    this.#load(siteValues(plan, site))
    this.#body((enclosing) => {
      this.#reenter(enclosing)
      return plan.siteEnd.at(site)
    })
  }

  /** What begins at the head of a loop, in which `site` is. */
  loop(construct: number, site: number): void {
    const plan = this.#plan
    const at = plan.constructAt.at(construct)
    this.#begin(site, at, plan.constructParent.at(construct))
    this.#height = plan.constructBase.at(construct)
    this.#which = -1
    writeLocalRuns(this.#emitter.out, this.#locals)
    this.#load(valuesAtLoop(this.#plan, construct, this.#site))
    this.#body(() => {
      for (const type of this.#paramsOf(construct)) loadValue(this.#emitter.out, this.#helpers.code, type)
      return at
    })
  }

  #begin(site: number, at: number, construct: number): void {
    const plan = this.#plan
    this.#site = site
    this.#at = at
    this.#chain = []
    for (let c = construct; c >= 0; c = plan.constructParent.at(c)) this.#chain.unshift(c)
    this.#locals = [...plan.locals]
    this.#heads = loopsToLeaveFor(this.#types, plan, this.#chain, site, at).map((loop) => ({
      construct: loop,
      label: { position: 0, isTarget: false },
      params: this.#paramsOf(loop).map((type) => this.#locals.push(type) - 1),
    }))
  }

  #load(locals: readonly number[]): void {
    const { out } = this.#emitter
    for (const local of locals) {
      loadValue(out, this.#helpers.code, this.#plan.locals[local] as ValType)
      out.u8(Op.localSet)
      out.u32(local)
    }
  }

  #body(enter: Enter): void {
    const emitter = this.#emitter
    const { out } = emitter
    emitter.body(this.#plan.type.results, (label) => {
      this.#heads = this.#heads.map((head) => ({
        ...head,
        label: emitter.open(Op.block, this.#parts.blockType([], this.#paramsOf(head.construct))),
      }))
      this.#level(0, [label], enter)
      for (const head of this.#heads.toReversed()) {
        out.u8(Op.return)
        emitter.close()
        if (head.label.isTarget) this.#goOnWith(head)
        else out.u8(Op.unreachable)
      }
    })
    out.u8(Op.end)
  }

  #paramsOf(loop: number): readonly ValType[] {
    return blockParams(this.#types, this.#plan.constructType.at(loop))
  }

  /** Emits: hand over the values, and call the function that begins at the loop's head; its parameters are on the stack. */
  #goOnWith({ construct, params }: Head): void {
    const { out } = this.#emitter
    const { code } = this.#helpers
    for (const local of params.toReversed()) {
      out.u8(Op.localSet)
      out.u32(local)
    }
    out.u8(Op.i32Const)
    out.s32(this.#emitter.sites.numberOf(this.#site))
    code.host(out, 'begin')
    for (const local of [...valuesAtLoop(this.#plan, construct, this.#site), ...params])
      saveLocal(out, code, this.#locals[local] as ValType, local)
    out.u8(Op.i32Const)
    out.s32(construct)
    this.#call(out, 'loop', this.#plan.type.results)
  }

  /** The construct at this depth of the chain: its operands, what lies inside, and the rest of it. Can its end be reached? */
  #level(level: number, enclosing: readonly Label[], enter: Enter): boolean {
    const plan = this.#plan
    const emitter = this.#emitter
    const { out } = emitter
    const construct = this.#chain[level] as number
    const inner = this.#chain[level + 1]
    const operands = plan.siteOperands.at(this.#site)
    const from = plan.constructBase.at(construct)
    const to = inner === undefined ? this.#height : plan.constructBase.at(inner)
    for (let height = from; height < to; height++) {
      out.u8(Op.localGet)
      out.u32(plan.operands.at(operands + height))
    }
    if (inner === undefined) {
      const start = enter(enclosing)
      return emitter.range(
        start,
        regionEnd(plan, construct, this.#at),
        siteFrom(plan, start),
        enclosing,
        start !== this.#at,
      )
    }
    if (!this.#inner(level + 1, inner, enclosing, enter)) {
      out.u8(Op.unreachable)
      return false
    }
    const rest = this.#behind(inner)
    return emitter.range(rest, regionEnd(plan, construct, this.#at), siteFrom(plan, rest), enclosing, true)
  }

  #reenter(enclosing: readonly Label[]): void {
    const emitter = this.#emitter
    const type = this.#plan.siteType.at(this.#site)
    const results = type < 0 ? [] : (this.#types[type] as FuncType).results
    const label = (up: number) => emitter.labelAbove(enclosing, up)
    emitter.sites.call(this.#site, label, false, () => this.#call(emitter.out, 'next', results))
  }

  #inner(level: number, construct: number, enclosing: readonly Label[], enter: Enter): boolean {
    const plan = this.#plan
    const emitter = this.#emitter
    const { out } = emitter
    const type = plan.constructType.at(construct)
    const block = this.#parts.blockType([], blockResults(this.#types, type))
    const label = (up: number) => emitter.labelAbove(enclosing, up)
    switch (plan.constructKind.at(construct)) {
      case Construct.loop: {
        const head = this.#heads.find((known) => known.construct === construct)
        if (head !== undefined) return this.#level(level, [...enclosing, head.label], enter)
        const exit = emitter.open(Op.block, block)
        const again = emitter.open(Op.block, this.#parts.blockType([], this.#paramsOf(construct)))
        this.#level(level, [...enclosing, again], enter)
        out.u8(Op.br)
        out.u32(emitter.depth - exit.position)
        emitter.close()
        const at = plan.constructAt.at(construct)
        emitter.range(at, this.#behind(construct), siteFrom(plan, at), enclosing, false)
        emitter.close()
        return true
      }
      case Construct.try: {
        const clause = clauseAround(plan, construct, this.#at)
        if (clause === undefined) {
          const end = plan.constructEnd.at(construct)
          const handlers = plan.clauses.get(construct)?.[0]?.at
          const inside = [...enclosing, emitter.open(Op.try, block)]
          this.#level(level, inside, enter)
          if (this.#cursor.bytes[end] === Op.delegate) {
            emitter.depth--
            this.#cursor.moveTo(end, plan.end)
            this.#cursor.next()
            out.u8(Op.delegate)
            out.u32(label(this.#cursor.a))
            return true
          }
          if (handlers !== undefined) emitter.range(handlers, end, siteFrom(plan, handlers), inside, false)
          emitter.close()
          return true
        }
        if (clause.rethrown) {
          const position = emitter.open(Op.try, block)
          this.#helpers.code.host(out, 'get32')
          out.u8(Op.localSet)
          out.u32(this.#which)
          this.#helpers.throwSaved(out, this.#which)
          out.u8(Op.catchAll)
          this.#level(level, [...enclosing, position], enter)
          emitter.close()
          return true
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
        const inside = { position: ++emitter.depth, isTarget: false }
        this.#level(level, [...enclosing, inside], enter)
        emitter.close()
        return true
      }
    }
    const position = emitter.open(Op.block, block)
    const isLive = this.#level(level, [...enclosing, position], enter)
    emitter.close()
    return isLive || position.isTarget
  }

  /** Offset behind a construct's `end` (or `delegate`). */
  #behind(construct: number): number {
    const end = this.#plan.constructEnd.at(construct)
    this.#cursor.moveTo(end, this.#plan.end)
    this.#cursor.next()
    return this.#cursor.pos
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
