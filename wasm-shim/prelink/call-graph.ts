/**
 * Which functions may unwind: those from which an import, or a loop poll, can be reached. `call_indirect` is narrowed to
 * the functions of its type that can stand in a table; where the host can put its own functions there (imported or
 * exported tables) every indirect call may reach it.
 */
import { CodeCursor } from '../module/code.ts'
import { type FuncType, ValType, type WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { PollMode } from './index.ts'
import { scanFunction } from './scan.ts'

/** A segment instruction that a continuation can only perform through a helper in the main module. */
export interface SegmentUse {
  readonly op: number
  readonly a: number
  readonly b: number
}

export interface CallGraph {
  /** One byte a function of the index space: may a capture pass through it? */
  readonly mayUnwind: Uint8Array
  /** One byte a type index: may `call_indirect` of this type unwind? */
  readonly indirectMayUnwind: Uint8Array
  /** One byte a table: is it changed by the module, or open to the host? Others need not be saved. */
  readonly tableChanges: Uint8Array
  readonly segmentUses: readonly SegmentUse[]
  /** Functions that drop segments, which has to be remembered. */
  readonly dropping: ReadonlySet<number>
  /** Per function of the index space, one byte a loop: 1 where a poll belongs. Absent where there are none. */
  readonly pollLoops: readonly (Uint8Array | undefined)[]
  /** Which encoding of exceptions the guest itself uses; undefined where it uses none. */
  readonly exceptions: 'legacy' | 'exnref' | undefined
}

/** Equal signatures under different type indices are one type to `call_indirect`. */
export function canonicalTypes(types: readonly FuncType[]): Int32Array {
  const first = new Map<string, number>()
  return Int32Array.from(types, (type, index) => {
    const key = `${type.params.join()}>${type.results.join()}`
    const known = first.get(key)
    if (known !== undefined) return known
    first.set(key, index)
    return index
  })
}

/** Functions whose reference a segment or a global initialiser takes. */
function* referencedFunctions(module: WasmModule): Generator<number> {
  const cursor = new CodeCursor(module.bytes)
  const inExpression = function* (start: number, end: number) {
    cursor.moveTo(start, end)
    while (cursor.next()) if (cursor.op === Op.refFunc) yield cursor.a
  }
  for (const segment of module.elements) {
    if (segment.items.kind === 'functions') yield* segment.items.indices
    else for (const range of segment.items.ranges) yield* inExpression(range.start, range.end)
  }
  for (const range of module.globalInits) yield* inExpression(range.start, range.end)
  for (const table of module.tables) if (table.init) yield* inExpression(table.init.start, table.init.end)
}

/** Tables that the host can change. JavaScript has no access to tables of exceptions. */
function openTables(module: WasmModule): Uint8Array {
  const open = new Uint8Array(module.tables.length)
  open.fill(1, 0, module.imported.tables)
  for (const item of module.exports) if (item.kind === 'table') open[item.index] = 1
  return open.map((flag, table) => (module.tables[table]?.element === ValType.exnref ? 0 : flag))
}

/** Can the host hand over function references that the guest may then put into any table? */
function takesHostFunctions(module: WasmModule): boolean {
  const type = (func: number) => module.types[module.functions[func] as number]
  for (let func = 0; func < module.imported.functions; func++)
    if (type(func)?.results.includes(ValType.funcref)) return true
  return (
    module.exports.some(({ kind, index }) => kind === 'func' && type(index)?.params.includes(ValType.funcref)) ||
    module.imports.some(({ desc }) => desc.kind === 'global' && desc.global.type === ValType.funcref) ||
    module.exports.some(
      ({ kind, index }) =>
        kind === 'global' && module.globals[index]?.mutable && module.globals[index].type === ValType.funcref,
    )
  )
}

export function analyseCalls(module: WasmModule, polls: PollMode): CallGraph {
  const functions = module.functions.length
  const canonical = canonicalTypes(module.types)
  const tableChanges = openTables(module)
  const anyOpen = tableChanges.includes(1) || takesHostFunctions(module)
  const taken = new Uint8Array(functions)
  for (const func of referencedFunctions(module)) taken[func] = 1

  // Edges callee -> caller as two parallel lists; nodes are functions, then types for indirect calls.
  let callers = new Int32Array(1 << 16)
  let callees = new Int32Array(1 << 16)
  let edges = 0
  let current = 0
  const edge = (callee: number) => {
    if (edges === callers.length) {
      callers = grow(callers)
      callees = grow(callees)
    }
    callers[edges] = current
    callees[edges++] = callee
  }
  const dropping = new Set<number>()
  const uses = new Map<string, SegmentUse>()
  const cursor = new CodeCursor(module.bytes)
  const pollLoops: (Uint8Array | undefined)[] = []
  let exceptions: CallGraph['exceptions']
  const scanner = {
    call: edge,
    callIndirect: (type: number) => edge(functions + (canonical[type] as number)),
    refFunc: (func: number) => {
      taken[func] = 1
    },
    changesTable: (table: number) => {
      tableChanges[table] = 1
    },
    segment: (op: number, a: number, b: number) => {
      const key = `${op},${a},${b}`
      if (!uses.has(key)) uses.set(key, { op, a, b })
      if (op === Op.dataDrop || op === Op.elemDrop) dropping.add(current)
    },
    exceptions: (encoding: 'legacy' | 'exnref') => {
      exceptions ??= encoding
    },
  }
  for (current = module.imported.functions; current < functions; current++) {
    const loops = scanFunction(module, cursor, current, polls, scanner)
    if (loops.includes(1)) pollLoops[current] = loops
  }

  const reached = new Uint8Array(functions + module.types.length)
  const queue: number[] = []
  const reach = (node: number) => {
    if (reached[node] === 1) return
    reached[node] = 1
    queue.push(node)
  }
  for (let func = 0; func < module.imported.functions; func++) reach(func)
  pollLoops.forEach((_, func) => {
    reach(func)
  })
  if (anyOpen) for (let type = 0; type < module.types.length; type++) reach(functions + type)
  const { first, next } = adjacency(callees.subarray(0, edges), reached.length)
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (node < functions && taken[node] === 1)
      reach(functions + (canonical[module.functions[node] as number] as number))
    for (let i = first[node] as number; i >= 0; i = next[i] as number) reach(callers[i] as number)
  }
  return {
    mayUnwind: reached.slice(0, functions),
    indirectMayUnwind: Uint8Array.from(canonical, (type) => reached[functions + type] as number),
    tableChanges,
    segmentUses: [...uses.values()],
    dropping,
    pollLoops,
    exceptions,
  }
}

/** Linked lists of the edges that share a callee. */
function adjacency(callees: Int32Array, nodes: number): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(nodes).fill(-1)
  const next = new Int32Array(callees.length)
  callees.forEach((callee, edge) => {
    next[edge] = first[callee] as number
    first[callee] = edge
  })
  return { first, next }
}

function grow(list: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(list.length * 2)
  larger.set(list)
  return larger
}

/** A table whose elements the engine can name by function index. */
export function holdsFunctions(module: WasmModule, table: number): boolean {
  return module.tables[table]?.element === ValType.funcref
}
