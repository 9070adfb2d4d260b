/**
 * The plan of one function: its call sites, what must be saved at each, and the block structure around them. Found in
 * one forward pass that types the operand stack; the emitter (emit.ts) and the continuation builder work from it.
 *
 * Operands that lie under a call's arguments are out of reach in a handler, so each is copied into a spill local right
 * where it is produced (`local.tee`, free after register allocation). One spill local per type and stack height.
 */
import { blockParams, blockResults } from '../module/block-type.ts'
import { type CodeCursor, opensBlock, readLocals } from '../module/code.ts'
import { type FuncType, ValType, type WasmModule } from '../module/model.ts'
import { dynamicEffect, Op, popCount, pushType } from '../module/opcodes.ts'
import type { CallGraph } from './call-graph.ts'
import { Event, Flow } from './flow.ts'
import { IntList } from './int-list.ts'
import { Liveness } from './liveness.ts'

export const Construct = { function: 0, block: 1, loop: 2, if: 3, try: 4, tryTable: 5 } as const

/** A clause of a legacy `try`: where its `catch` stands, where its body starts, and its tag (-1: catch_all). */
export interface Clause {
  readonly at: number
  readonly body: number
  readonly tag: number
  /** Is the clause's exception thrown again by a `rethrow` in its body? */
  rethrown: boolean
}

/** Values that one instruction leaves on the stack and that must be spilled: locals from the lowest to the top. */
export interface Spill {
  /** Offset behind the instruction. */
  readonly pos: number
  readonly locals: readonly number[]
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
  /** The operand stack: type, place of production, index+1 into #multi for one of several results, already spilled. */
  readonly #stackType = new IntList()
  readonly #stackPos = new IntList()
  readonly #stackMulti = new IntList()
  readonly #stackMarked = new IntList()
  #multi: { pos: number; base: number; types: readonly ValType[]; marked: boolean }[] = []
  #spillLocals = new Map<number, number>()
  #marks: Spill[] = []
  #locals: ValType[] = []
  #cursorPos = 0

  constructor(module: WasmModule, graph: Pick<CallGraph, 'mayUnwind' | 'indirectMayUnwind'>, cursor: CodeCursor) {
    this.#module = module
    this.#graph = graph
    this.#cursor = cursor
  }

  get #height(): number {
    return this.#stackType.length
  }

  #push(type: number): void {
    this.#stackType.push(type)
    this.#stackPos.push(this.#cursorPos)
    this.#stackMulti.push(0)
    this.#stackMarked.push(0)
  }

  #pushAll(types: readonly ValType[]): void {
    if (types.length === 1) return this.#push(types[0] as number)
    if (types.length === 0) return
    const base = this.#height
    this.#multi.push({ pos: this.#cursorPos, base, types, marked: false })
    for (const type of types) {
      this.#push(type)
      this.#stackMulti.set(this.#height - 1, this.#multi.length)
    }
  }

  #truncate(height: number): void {
    this.#stackType.length = height
    this.#stackPos.length = height
    this.#stackMulti.length = height
    this.#stackMarked.length = height
  }

  #pop(count: number): void {
    this.#truncate(this.#height - count)
  }

  #spillLocal(type: number, height: number): number {
    const key = height * 0x80 + type
    const known = this.#spillLocals.get(key)
    if (known !== undefined) return known
    const local = this.#locals.push(type as ValType) - 1
    this.#spillLocals.set(key, local)
    return local
  }

  /** Marks the operand at `height` as needed in a handler, and returns its spill local. */
  #spill(height: number): number {
    const local = this.#spillLocal(this.#stackType.at(height), height)
    if (this.#stackMarked.at(height) === 0) {
      this.#stackMarked.set(height, 1)
      const multi = this.#multi[this.#stackMulti.at(height) - 1]
      if (multi === undefined) this.#marks.push({ pos: this.#stackPos.at(height), locals: [local] })
      else if (!multi.marked) {
        multi.marked = true
        const locals = multi.types.map((type, i) => this.#spillLocal(type, multi.base + i))
        this.#marks.push({ pos: multi.pos, locals })
      }
    }
    return local
  }

  #site(kind: number, at: number, end: number, type: number, table: number, construct: number): void {
    const lists = this.#lists
    const site = lists.siteAt.push(at)
    lists.siteEnd.push(end)
    lists.siteKind.push(kind)
    lists.siteType.push(type)
    lists.siteTable.push(table)
    lists.siteConstruct.push(construct)
    lists.siteOperands.push(lists.operands.length)
    for (let height = 0; height < this.#height; height++) lists.operands.push(this.#spill(height))
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
    this.#truncate(0)
    this.#multi = []
    this.#spillLocals = new Map()
    this.#marks = []
    flow.clear()
    cursor.moveTo(start, end)
    this.#locals = readLocals(cursor, type.params)
    const locals = this.#locals
    const ownLocals = locals.length
    const counter = pollLoops?.includes(1) ? locals.push(ValType.i32) - 1 : -1
    const code = cursor.pos
    const clauses = new Map<number, Clause[]>()
    const savedParams = new Map<number, number[][]>()
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
      lists.constructBase.push(this.#height - params)
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
      this.#cursorPos = cursor.pos
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
      switch (op) {
        case Op.block:
          open(Construct.block, a, blockParams(module.types, a).length)
          break
        case Op.loop: {
          const params = blockParams(module.types, a)
          const index = open(Construct.loop, a, params.length)
          flow.targetBlock.set(index, flow.startBlock())
          // A branch back brings new values: they are produced here, not outside.
          this.#pop(params.length)
          this.#pushAll(params)
          if (pollLoops?.[loops++] === 1) this.#site(SiteKind.poll, cursor.pos, cursor.pos, -1, 0, construct)
          break
        }
        case Op.if: {
          this.#pop(1)
          const params = blockParams(module.types, a).length
          const index = open(Construct.if, a, params)
          if (params > 0) savedParams.set(index, this.#snapshot(params))
          // To the end, unless an `else` turns up.
          elseEdge.set(index, flow.edgeFrom.length)
          flow.branch(index)
          flow.startBlock()
          break
        }
        case Op.else: {
          if (deadDepth < 0) {
            flow.branch(construct)
            flow.endsHere()
          }
          deadDepth = -1
          lists.constructElse.set(construct, cursor.at)
          this.#truncate(lists.constructBase.at(construct))
          const saved = savedParams.get(construct)
          if (saved) this.#restore(saved)
          flow.edgeTo.set(elseEdge.get(construct) as number, ~flow.startBlock())
          break
        }
        case Op.try: {
          special = true
          const index = open(Construct.try, a, blockParams(module.types, a).length)
          bodyContext.set(index, flow.openContext())
          clauses.set(index, [])
          flow.startBlock()
          break
        }
        case Op.catch:
        case Op.catchAll: {
          if (deadDepth < 0) {
            flow.branch(construct)
            flow.endsHere()
          }
          deadDepth = -1
          leaveContext(construct)
          this.#truncate(lists.constructBase.at(construct))
          const tag = op === Op.catch ? a : -1
          clauses.get(construct)?.push({ at: cursor.at, body: cursor.pos, tag, rethrown: false })
          const block = flow.startBlock()
          flow.handler(bodyContext.get(construct) as number, ~block)
          if (tag >= 0) this.#pushAll(module.types[module.tags[tag] as number]?.params ?? noTypes)
          break
        }
        case Op.tryTable: {
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
        case Op.delegate:
        case Op.end: {
          deadDepth = -1
          leaveContext(construct)
          const closed = construct
          lists.constructEnd.set(closed, cursor.at)
          this.#truncate(lists.constructBase.at(closed))
          construct = lists.constructParent.at(closed)
          if (construct < 0) break
          const block = flow.startBlock()
          if (lists.constructKind.at(closed) !== Construct.loop) flow.targetBlock.set(closed, block)
          this.#pushAll(blockResults(module.types, lists.constructType.at(closed)))
          break
        }
        case Op.br:
          flow.branch(labelConstruct(a))
          dead()
          break
        case Op.brIf:
          this.#pop(1)
          flow.branch(labelConstruct(a))
          flow.startBlock()
          break
        case Op.brTable: {
          const seen = new Set<number>()
          const resume = cursor.pos
          cursor.pos = a
          for (let i = cursor.count; i >= 0; i--) seen.add(cursor.u32())
          cursor.pos = resume
          for (const label of seen) flow.branch(labelConstruct(label))
          dead()
          break
        }
        case Op.rethrow:
          markRethrown(a)
          dead()
          break
        case Op.return:
        case Op.unreachable:
        case Op.throw:
        case Op.throwRef:
        case Op.returnCall:
        case Op.returnCallIndirect:
          dead()
          break
        case Op.call:
        case Op.callIndirect: {
          const indirect = op === Op.callIndirect
          const calleeType = indirect ? a : (module.functions[a] as number)
          const callee = module.types[calleeType] as FuncType
          this.#pop(callee.params.length + (indirect ? 1 : 0))
          const unwinds = indirect ? this.#graph.indirectMayUnwind[a] : this.#graph.mayUnwind[a]
          if (unwinds === 1) {
            const kind = indirect ? SiteKind.indirect : SiteKind.call
            this.#site(kind, cursor.at, cursor.pos, calleeType, cursor.b, construct)
          }
          this.#pushAll(callee.results)
          break
        }
        case Op.localGet:
          flow.event(Event.get, a)
          this.#push(locals[a] as number)
          break
        case Op.localSet:
          flow.event(Event.set, a)
          this.#pop(1)
          break
        case Op.localTee:
          flow.event(Event.set, a)
          this.#pop(1)
          this.#push(locals[a] as number)
          break
        default:
          this.#effect(op, a)
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
      spills: sortSpills(this.#marks),
      clauses,
      catchesAll,
      special,
      ...lists,
    }
  }

  #snapshot(count: number): number[][] {
    const saved: number[][] = []
    for (let height = this.#height - count; height < this.#height; height++)
      saved.push([
        this.#stackType.at(height),
        this.#stackPos.at(height),
        this.#stackMulti.at(height),
        this.#stackMarked.at(height),
      ])
    return saved
  }

  #restore(saved: readonly number[][]): void {
    for (const [type, pos, multi, marked] of saved) {
      this.#stackType.push(type as number)
      this.#stackPos.push(pos as number)
      this.#stackMulti.push(multi as number)
      this.#stackMarked.push(marked as number)
    }
  }

  #effect(op: number, a: number): void {
    const pops = popCount[op] as number
    const pushes = pushType[op] as number
    if (pops !== dynamicEffect && pushes !== dynamicEffect) {
      this.#pop(pops)
      if (pushes !== 0) this.#push(pushes)
      return
    }
    const module = this.#module
    const address = (is64: boolean | undefined) => (is64 ? ValType.i64 : ValType.i32)
    switch (op) {
      case Op.drop:
        return this.#pop(1)
      case Op.select: {
        const type = this.#stackType.at(this.#height - 2)
        this.#pop(3)
        return this.#push(type)
      }
      case Op.selectTyped:
        this.#pop(3)
        return this.#push(a)
      case Op.globalGet:
        return this.#push(module.globals[a]?.type as number)
      case Op.globalSet:
        return this.#pop(1)
      case Op.tableGet:
        this.#pop(1)
        return this.#push(module.tables[a]?.element as number)
      case Op.tableSet:
        return this.#pop(2)
      case Op.refNull:
        return this.#push(a)
      case Op.memorySize:
        return this.#push(address(module.memories[a]?.is64))
      case Op.memoryGrow:
        this.#pop(1)
        return this.#push(address(module.memories[a]?.is64))
      case Op.tableSize:
        return this.#push(address(module.tables[a]?.limits.is64))
      case Op.tableGrow:
        this.#pop(2)
        return this.#push(address(module.tables[a]?.limits.is64))
      default:
        // The wide-arithmetic instructions, the only ones left with two results.
        this.#pop(pops)
        return this.#pushAll(twoWide)
    }
  }
}

const noTypes: readonly ValType[] = []
const twoWide: readonly ValType[] = [ValType.i64, ValType.i64]

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

/** In order of position, without the repetitions that `if` and `else` with parameters can cause. */
function sortSpills(marks: Spill[]): Spill[] {
  marks.sort((x, y) => x.pos - y.pos || (x.locals[0] as number) - (y.locals[0] as number))
  return marks.filter(
    (mark, i) => i === 0 || mark.pos !== marks[i - 1]?.pos || mark.locals[0] !== marks[i - 1]?.locals[0],
  )
}
