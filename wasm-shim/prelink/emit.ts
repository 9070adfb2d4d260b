/**
 * Writes function code with what the plan asks for: handlers around call sites, polls, spills. One emitter serves both
 * the main module, where all else is copied as it stands, and continuations, where labels, functions and segments have
 * other numbers.
 */
import type { ByteWriter } from '../bytes/writer.ts'
import { type CodeCursor, emptyBlock, opensBlock } from '../module/code.ts'
import type { ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { EmitTarget } from './emit-target.ts'
import { type FunctionPlan, readClause, SiteKind } from './plan.ts'
import { type Label, Reachability } from './reachability.ts'
import { noLabel, SiteWriter } from './site-writer.ts'

export class BodyEmitter {
  readonly #target: EmitTarget
  readonly #cursor: CodeCursor
  readonly out: ByteWriter
  /** Labels open in the new code; a label's position is this number just after it was opened, the function's is 0. */
  depth = 0
  /** Position of the label through which our exception passes a guest's `catch_all` of a `try_table`. */
  #escape = -1
  #plan: FunctionPlan | undefined
  /** Writes the call sites of the same function. */
  readonly sites: SiteWriter

  constructor(target: EmitTarget, cursor: CodeCursor, out: ByteWriter) {
    this.#target = target
    this.#cursor = cursor
    this.out = out
    this.sites = new SiteWriter(target, out)
  }

  /** `firstSite` is the number of the function's first call site. */
  begin(plan: FunctionPlan, firstSite: number): void {
    this.#plan = plan
    this.sites.begin(plan, firstSite)
    this.depth = 0
    this.#escape = -1
  }

  get plan(): FunctionPlan {
    return this.#plan as FunctionPlan
  }

  open(op: number, blockType: number): Label {
    this.out.u8(op)
    this.out.s33(blockType)
    return { position: ++this.depth, isTarget: false }
  }

  /** The number by which a branch here names the label that stands `up` labels from the innermost of `enclosing`. */
  labelAbove(enclosing: readonly Label[], up: number, isLive = true): number {
    const label = enclosing[enclosing.length - 1 - up] as Label
    label.isTarget ||= isLive
    return this.depth - label.position
  }

  close(): void {
    this.out.u8(Op.end)
    this.depth--
  }

  /**
   * Emits the function's frame around `write`, which is given the function's label. Where a `try_table`
   * catches everything, our exception leaves the code through a block around it and is thrown again.
   */
  body(results: readonly ValType[], write: (functionLabel: Label) => void): void {
    if (!this.plan.catchesAll || this.#target.encoding === 'legacy') {
      write({ position: 0, isTarget: false })
      return
    }
    this.#escape = this.open(Op.block, emptyBlock).position
    write(this.open(Op.block, this.#target.parts.blockType([], results)))
    this.close()
    this.out.u8(Op.return)
    this.close()
    this.#escape = -1
    this.out.u8(Op.throw)
    this.out.u32(this.#target.unwindTag)
  }

  /**
   * Emits the instructions in [start, end), which lie within one construct, from site number `nextSite` of the plan on.
   * `enclosing` are the labels around, outermost first. `spillsAtStart`: the values on the stack come from an
   * instruction that ends at `start`. Returns whether the end can be reached from the start.
   */
  range(start: number, end: number, nextSite: number, enclosing: readonly Label[], spillsAtStart: boolean): boolean {
    const { out } = this
    const cursor = this.#cursor
    const plan = this.plan
    const { bytes } = cursor
    const { renumber, unwindTag, encoding } = this.#target
    let site = nextSite
    let siteAt = site < plan.siteCount ? plan.siteAt.at(site) : -1
    let spill = firstSpill(plan, spillsAtStart ? start : start + 1)
    let spillPos = plan.spills[spill]?.pos ?? -1
    let copied = start
    let nest = 0
    const reach = new Reachability()
    const flush = (upTo: number) => {
      if (upTo > copied) out.range(bytes, copied, upTo)
      copied = upTo
    }
    const replace = () => {
      flush(cursor.at)
      copied = cursor.pos
    }
    const label = (a: number) => {
      if (a >= nest) return this.labelAbove(enclosing, a - nest, reach.isLive)
      reach.branch(a)
      return a
    }
    const relabel = (op: number, a: number) => {
      const here = label(a)
      if (here === a) return
      replace()
      out.u8(op)
      out.u32(here)
    }
    const emitSpills = () => {
      while (spillPos === cursor.pos) {
        flush(cursor.pos)
        this.sites.spill((plan.spills[spill] as { locals: readonly number[] }).locals)
        spillPos = plan.spills[++spill]?.pos ?? -1
      }
    }
    cursor.moveTo(start, end)
    emitSpills()
    while (cursor.next()) {
      const { op, a } = cursor
      if (cursor.at === siteAt) {
        replace()
        const { pos, end: limit, at } = cursor
        const current = site
        this.sites.call(current, label, true, () => {
          if (op === Op.call && renumber) renumber.call(out, op, a)
          else out.range(bytes, at, pos)
        })
        cursor.moveTo(pos, limit)
        siteAt = ++site < plan.siteCount ? plan.siteAt.at(site) : -1
        emitSpills()
        continue
      }
      if (opensBlock(op)) {
        if (op === Op.tryTable) {
          replace()
          this.#tryTable(label)
        }
        nest++
        this.depth++
        reach.open(op)
        emitSpills()
        if (op === Op.loop && cursor.pos === siteAt && plan.siteKind.at(site) === SiteKind.poll) {
          flush(cursor.pos)
          const { pos, end: limit } = cursor
          this.sites.poll(site, label)
          cursor.moveTo(pos, limit)
          siteAt = ++site < plan.siteCount ? plan.siteAt.at(site) : -1
        }
        continue
      }
      switch (op) {
        case 0x0b: // end
          nest--
          this.depth--
          reach.close()
          break
        case 0x18: // delegate
          nest--
          this.depth--
          reach.close()
          relabel(op, a)
          break
        case 0x0c: // br
        case 0x09: // rethrow
          relabel(op, a)
          reach.leave()
          break
        case 0x0d: // brIf
          relabel(op, a)
          break
        case 0x0e: {
          // brTable
          replace()
          out.u8(op)
          out.u32(cursor.count)
          const resume = cursor.pos
          cursor.pos = a
          for (let i = cursor.count; i >= 0; i--) out.u32(label(cursor.u32()))
          cursor.pos = resume
          reach.leave()
          break
        }
        case 0x0f: // return
        case 0x00: // unreachable
        case 0x08: // throw
        case 0x0a: // throwRef
        case 0x13: // returnCallIndirect
          reach.leave()
          break
        case 0x05: // else
        case 0x07: // catch
          reach.nextPart()
          break
        case 0x19: // catchAll
          reach.nextPart()
          if (encoding === 'legacy') {
            flush(cursor.at)
            out.u8(Op.catch)
            out.u32(unwindTag)
            out.u8(Op.rethrow)
            out.u32(0)
          }
          break
        case 0x10: // call
        case 0x12: // returnCall
          if (renumber) {
            replace()
            renumber.call(out, op, a)
          }
          if (op === Op.returnCall) reach.leave()
          break
        case 0xd2: // refFunc
          if (renumber) {
            replace()
            renumber.refFunc(out, a)
          }
          break
        case 0x108: // memoryInit
        case 0x10c: // tableInit
        case 0x109: // dataDrop
        case 0x10d: // elemDrop
          if (renumber) {
            replace()
            renumber.segment(out, op, a, cursor.b)
          } else if (op === Op.dataDrop || op === Op.elemDrop) {
            flush(cursor.pos)
            setFlag(out, this.#target.dropFlag(op, a))
          }
          break
      }
      emitSpills()
    }
    flush(end)
    return reach.isLive
  }

  /**
   * Emits a whole function of the main module in which nothing but call sites, polls and spills has to change, without
   * reading its instructions once more.
   */
  whole(start: number, end: number): void {
    const { out, plan } = this
    const { bytes } = this.#cursor
    const { siteAt, siteEnd, siteKind, spills } = plan
    let copied = start
    const flush = (upTo: number) => {
      if (upTo > copied) out.range(bytes, copied, upTo)
      copied = upTo
    }
    for (let site = 0, spill = 0; site < plan.siteCount || spill < spills.length; ) {
      const at = site < plan.siteCount ? siteAt.at(site) : end
      const pos = spills[spill]?.pos ?? end
      if (spill < spills.length && pos <= at) {
        flush(pos)
        this.sites.spill((spills[spill++] as { locals: readonly number[] }).locals)
        continue
      }
      flush(at)
      if (siteKind.at(site) === SiteKind.poll) this.sites.poll(site, noLabel)
      else {
        copied = siteEnd.at(site)
        this.sites.call(site, noLabel, true, () => out.range(bytes, at, copied))
      }
      site++
    }
    flush(end)
  }

  /** A guest's `try_table`, its labels renumbered, ours put first where a clause catches everything. */
  #tryTable(label: (a: number) => number): void {
    const { out } = this
    const cursor = this.#cursor
    out.u8(Op.tryTable)
    out.s33(cursor.a)
    this.catchList(cursor.b, cursor.count, label)
  }

  /** Emits the clauses that stand at `at`. `label` maps labels outside of the construct. */
  catchList(at: number, count: number, label: (a: number) => number): void {
    const { out } = this
    const cursor = this.#cursor
    const clauses: ReturnType<typeof readClause>[] = []
    for (let i = 0, next = at; i < count; i++) {
      const clause = readClause(cursor, next)
      clauses.push(clause)
      next = clause.next
    }
    const catchesAll = this.#escape >= 0 && clauses.some((clause) => clause.tag < 0)
    out.u32(count + (catchesAll ? 1 : 0))
    if (catchesAll) {
      out.u8(0)
      out.u32(this.#target.unwindTag)
      out.u32(this.depth - this.#escape)
    }
    for (const clause of clauses) {
      out.u8(clause.kind)
      if (clause.tag >= 0) out.u32(clause.tag)
      out.u32(label(clause.label))
    }
  }
}

function setFlag(out: ByteWriter, global: number): void {
  out.u8(Op.i32Const)
  out.s32(1)
  out.u8(Op.globalSet)
  out.u32(global)
}

function firstSpill(plan: FunctionPlan, from: number): number {
  let low = 0
  let high = plan.spills.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((plan.spills[middle] as { pos: number }).pos < from) low = middle + 1
    else high = middle
  }
  return low
}
