/**
 * The plan of one function: its call sites, what must be saved at each, and the block structure around them. Found in
 * one forward pass that types the operand stack; the emitter (emit.ts) and the continuation builder work from it.
 */
import { blockParams, blockResults } from '../module/block-type.ts'
import { type CodeCursor, opensBlock, readLocals } from '../module/code.ts'
import { type FuncType, ValType, type WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { CallGraph } from './call-graph.ts'
import { Event, Flow } from './flow.ts'
import { IntList } from './int-list.ts'
import { Liveness, maxSavedValues, refuseSize } from './liveness.ts'
import { OperandStack, type Operands, type Spill } from './operand-stack.ts'
import { applyEffect } from './stack-effect.ts'

export const Construct = { function: 0, block: 1, loop: 2, if: 3, try: 4, tryTable: 5 } as const

/** A clause of a legacy `try`: where its `catch` stands, where its body starts, and its tag (-1: catch_all). */
export interface Clause {
  readonly at: number
  readonly body: number
  readonly tag: number
  /** Is the clause's exception thrown again by a `rethrow` in its body? */
  rethrown: boolean
}

export const SiteKind = { call: 0, indirect: 1, poll: 2 } as const

/** Valid until the planner plans the next function. */
export interface FunctionPlan {
  readonly func: number
  readonly type: FuncType
  /** Offsets of the local declarations, the first instruction, and the end of the body. */
  readonly start: number
  readonly code: number
  readonly end: number
  /** Types of parameters, declared locals, spill locals and the poll counter. */
  readonly locals: readonly ValType[]
  /** How many of them the original function has. */
  readonly ownLocals: number
  /** Local that counts loop iterations; -1 without polls. */
  readonly counter: number
  readonly siteCount: number
  readonly siteAt: IntList
  readonly siteEnd: IntList
  readonly siteKind: IntList
  /** Callee's type index; for an indirect call that of the declared type; -1 for polls. */
  readonly siteType: IntList
  /** Table of an indirect call. */
  readonly siteTable: IntList
  readonly siteConstruct: IntList
  /** Start in `operands`; the operands under the arguments, from the bottom, as spill locals. */
  readonly siteOperands: IntList
  readonly operands: IntList
  /** Live locals of each site, ascending: start and end in `live`. */
  readonly liveStart: IntList
  readonly liveEnd: IntList
  readonly live: IntList
  /** Live locals, ascending, at the head of a loop of a function that has call sites. */
  readonly liveAtLoop: (construct: number) => readonly number[]
  readonly spills: readonly Spill[]
  /** Constructs in order of opening; 0 is the function. Offsets of opcode, body, `else` (0: none), `end`. */
  readonly constructKind: IntList
  readonly constructAt: IntList
  readonly constructBody: IntList
  readonly constructElse: IntList
  readonly constructEnd: IntList
  readonly constructParent: IntList
  /** Operand height below the construct's parameters. */
  readonly constructBase: IntList
  readonly constructType: IntList
  readonly clauses: ReadonlyMap<number, Clause[]>
  /** Does a `try_table` here catch everything, so that ours must be let through? */
  readonly catchesAll: boolean
  /** Are there guest exceptions, which the emitter must look at one by one? */
  readonly special: boolean
}

export class FunctionPlanner {
  readonly #module: WasmModule
  readonly #graph: Pick<CallGraph, 'mayUnwind' | 'indirectMayUnwind'>
  readonly #cursor: CodeCursor
  readonly #flow = new Flow()
  readonly #liveness = new Liveness()
  readonly #lists = {
    siteAt: new IntList(),
    siteEnd: new IntList(),
    siteKind: new IntList(),
    siteType: new IntList(),
    siteTable: new IntList(),
    siteConstruct: new IntList(),
    siteOperands: new IntList(),
    operands: new IntList(),
    liveStart: new IntList(),
    liveEnd: new IntList(),
    live: new IntList(),
    constructKind: new IntList(),
    constructAt: new IntList(),
    constructBody: new IntList(),
    constructElse: new IntList(),
    constructEnd: new IntList(),
    constructParent: new IntList(),
    constructBase: new IntList(),
    constructType: new IntList(),
  }
  readonly #stack = new OperandStack()

  constructor(module: WasmModule, graph: Pick<CallGraph, 'mayUnwind' | 'indirectMayUnwind'>, cursor: CodeCursor) {
    this.#module = module
    this.#graph = graph
    this.#cursor = cursor
  }

  #site(func: number, kind: number, at: number, end: number, type: number, table: number, construct: number): void {
    const lists = this.#lists
    const site = lists.siteAt.push(at)
    lists.siteEnd.push(end)
    lists.siteKind.push(kind)
    lists.siteType.push(type)
    lists.siteTable.push(table)
    lists.siteConstruct.push(construct)
    lists.siteOperands.push(lists.operands.length)
    for (let height = 0; height < this.#stack.height; height++) lists.operands.push(this.#stack.spill(height))
    if (lists.operands.length > maxSavedValues) refuseSize(func, `more than ${maxSavedValues} operands under its calls`)
    this.#flow.event(Event.site, site)
  }

  /** `pollLoops` is scanFunction's answer for this function, absent where no loop is polled. */
  plan(func: number, pollLoops?: Uint8Array): FunctionPlan {
    const module = this.#module
    const cursor = this.#cursor
    const lists = this.#lists
    const flow = this.#flow
    const body = func - module.imported.functions
    const start = module.code.start[body] as number
    const end = module.code.end[body] as number
    const typeIndex = module.functions[func] as number
    const type = module.types[typeIndex] as FuncType
    for (const list of Object.values(lists)) list.clear()
    flow.clear()
    cursor.moveTo(start, end)
    const locals = readLocals(cursor, type.params)
    const stack = this.#stack
    stack.start(locals)
    const ownLocals = locals.length
    const counter = pollLoops?.includes(1) ? locals.push(ValType.i32) - 1 : -1
    const code = cursor.pos
    const clauses = new Map<number, Clause[]>()
    const savedParams = new Map<number, Operands>()
    const bodyContext = new Map<number, number>()
    const elseEdge = new Map<number, number>()
    let catchesAll = false
    let special = false
    let loops = 0
    let deadDepth = -1
    let construct = -1

    const open = (kind: number, blockType: number, params: number) => {
      const index = lists.constructKind.push(kind)
      lists.constructAt.push(cursor.at)
      lists.constructBody.push(cursor.pos)
      lists.constructElse.push(0)
      lists.constructEnd.push(0)
      lists.constructParent.push(construct)
      lists.constructBase.push(stack.height - params)
      lists.constructType.push(blockType)
      flow.targetBlock.push(-1)
      construct = index
      return index
    }
    const labelConstruct = (label: number) => {
      let target = construct
      for (let i = label; i > 0; i--) target = lists.constructParent.at(target)
      return target
    }
    const markRethrown = (label: number) => {
      const clause = clauses.get(labelConstruct(label))?.at(-1)
      if (clause) clause.rethrown = true
    }
    const dead = () => {
      flow.endsHere()
      deadDepth = 0
    }
    const leaveContext = (index: number) => {
      const context = bodyContext.get(index)
      if (context !== undefined) flow.context = flow.contextParent.at(context)
    }

    cursor.at = code
    open(Construct.function, typeIndex, 0)
    lists.constructBase.set(0, 0)
    lists.constructBody.set(0, code)
    while (construct >= 0 && cursor.next()) {
      const { op, a } = cursor
      stack.pos = cursor.pos
      if (deadDepth >= 0) {
        if (opensBlock(op)) {
          deadDepth++
          if (op === Op.loop) loops++
          continue
        }
        if (op === Op.rethrow && a >= deadDepth) markRethrown(a - deadDepth)
        if (deadDepth > 0) {
          if (op === Op.end || op === Op.delegate) deadDepth--
          continue
        }
        if (op !== Op.end && op !== Op.else && op !== Op.catch && op !== Op.catchAll && op !== Op.delegate) continue
      }
      // By number, as in emit.ts: a jump table for code that has not been optimised yet, which is what a restore runs.
      switch (op) {
        case 0x02: // block
          open(Construct.block, a, blockParams(module.types, a).length)
          break
        case 0x03: {
          // loop
          const params = blockParams(module.types, a)
          const index = open(Construct.loop, a, params.length)
          flow.targetBlock.set(index, flow.startBlock())
          // A branch back brings new values: they are produced here, not outside.
          stack.pop(params.length)
          stack.pushAll(params)
          if (pollLoops?.[loops++] === 1) this.#site(func, SiteKind.poll, cursor.pos, cursor.pos, -1, 0, construct)
          break
        }
        case 0x04: {
          // if
          stack.pop(1)
          const params = blockParams(module.types, a).length
          const index = open(Construct.if, a, params)
          if (params > 0) savedParams.set(index, stack.top(params))
          // To the end, unless an `else` turns up.
          elseEdge.set(index, flow.edgeFrom.length)
          flow.branch(index)
          flow.startBlock()
          break
        }
        case 0x05: {
          // else
          if (deadDepth < 0) {
            flow.branch(construct)
            flow.endsHere()
          }
          deadDepth = -1
          lists.constructElse.set(construct, cursor.at)
          stack.truncate(lists.constructBase.at(construct))
          const saved = savedParams.get(construct)
          if (saved) stack.pushAgain(saved)
          flow.edgeTo.set(elseEdge.get(construct) as number, ~flow.startBlock())
          break
        }
        case 0x06: {
          // try
          special = true
          const index = open(Construct.try, a, blockParams(module.types, a).length)
          bodyContext.set(index, flow.openContext())
          clauses.set(index, [])
          flow.startBlock()
          break
        }
        case 0x07: // catch
        case 0x19: {
          // catchAll
          if (deadDepth < 0) {
            flow.branch(construct)
            flow.endsHere()
          }
          deadDepth = -1
          leaveContext(construct)
          stack.truncate(lists.constructBase.at(construct))
          const tag = op === Op.catch ? a : -1
          clauses.get(construct)?.push({ at: cursor.at, body: cursor.pos, tag, rethrown: false })
          const block = flow.startBlock()
          flow.handler(bodyContext.get(construct) as number, ~block)
          if (tag >= 0) stack.pushAll(module.types[module.tags[tag] as number]?.params ?? noTypes)
          break
        }
        case 0x1f: {
          // tryTable
          special = true
          const context = flow.openContext()
          for (let i = 0, at = cursor.b; i < cursor.count; i++) {
            const clause = readClause(cursor, at)
            at = clause.next
            if (clause.tag < 0) catchesAll = true
            flow.handler(context, labelConstruct(clause.label))
          }
          const index = open(Construct.tryTable, a, blockParams(module.types, a).length)
          bodyContext.set(index, context)
          flow.startBlock()
          break
        }
        case 0x18: // delegate
        case 0x0b: {
          // end
          deadDepth = -1
          leaveContext(construct)
          const closed = construct
          lists.constructEnd.set(closed, cursor.at)
          stack.truncate(lists.constructBase.at(closed))
          construct = lists.constructParent.at(closed)
          if (construct < 0) break
          const block = flow.startBlock()
          if (lists.constructKind.at(closed) !== Construct.loop) flow.targetBlock.set(closed, block)
          stack.pushAll(blockResults(module.types, lists.constructType.at(closed)))
          break
        }
        case 0x0c: // br
          flow.branch(labelConstruct(a))
          dead()
          break
        case 0x0d: // brIf
          stack.pop(1)
          flow.branch(labelConstruct(a))
          flow.startBlock()
          break
        case 0x0e: {
          // brTable
          const seen = new Set<number>()
          const resume = cursor.pos
          cursor.pos = a
          for (let i = cursor.count; i >= 0; i--) seen.add(cursor.u32())
          cursor.pos = resume
          for (const label of seen) flow.branch(labelConstruct(label))
          dead()
          break
        }
        case 0x09: // rethrow
          markRethrown(a)
          dead()
          break
        case 0x0f: // return
        case 0x00: // unreachable
        case 0x08: // throw
        case 0x0a: // throwRef
        case 0x12: // returnCall
        case 0x13: // returnCallIndirect
          dead()
          break
        case 0x10: // call
        case 0x11: {
          // callIndirect
          const indirect = op === Op.callIndirect
          const calleeType = indirect ? a : (module.functions[a] as number)
          const callee = module.types[calleeType] as FuncType
          stack.pop(callee.params.length + (indirect ? 1 : 0))
          const unwinds = indirect ? this.#graph.indirectMayUnwind[a] : this.#graph.mayUnwind[a]
          if (unwinds === 1) {
            const kind = indirect ? SiteKind.indirect : SiteKind.call
            this.#site(func, kind, cursor.at, cursor.pos, calleeType, cursor.b, construct)
          }
          stack.pushAll(callee.results)
          break
        }
        case 0x20: // localGet
          flow.event(Event.get, a)
          stack.push(locals[a] as number)
          break
        case 0x21: // localSet
          flow.event(Event.set, a)
          stack.pop(1)
          break
        case 0x22: // localTee
          flow.event(Event.set, a)
          stack.pop(1)
          stack.push(locals[a] as number)
          break
        default:
          applyEffect(stack, module, op, a)
      }
    }
    const sites = lists.siteAt.length
    if (sites > 0) this.#liveness.compute(flow, ownLocals, sites, func, lists.live, lists.liveStart, lists.liveEnd)
    lists.siteOperands.push(lists.operands.length)
    return {
      func,
      type,
      start,
      code,
      end,
      locals,
      ownLocals,
      counter,
      siteCount: sites,
      liveAtLoop: (loop) => this.#liveness.liveAt(flow.targetBlock.at(loop)),
      spills: stack.takeSpills(),
      clauses,
      catchesAll,
      special,
      ...lists,
    }
  }
}

const noTypes: readonly ValType[] = []

/** One clause of a `try_table` at `at`: tag -1 for catch_all. The cursor is left where it was. */
export function readClause(cursor: CodeCursor, at: number): { kind: number; tag: number; label: number; next: number } {
  const resume = cursor.pos
  const kind = cursor.bytes[at] as number
  cursor.pos = at + 1
  const tag = kind < 2 ? cursor.u32() : -1
  const label = cursor.u32()
  const next = cursor.pos
  cursor.pos = resume
  return { kind, tag, label, next }
}
