/**
 * Continuations (D3): one function for each call site that is on a captured stack. It loads the frame's values, enters
 * the continuation of the frame inside, and then runs what is left of the original function:
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
 * so no loop dispatches on where it was, and nothing is shipped in advance. Continuations live in a module of their own,
 * with the index spaces of the main one for memories, tables, globals and tags, and are themselves capturable, with the
 * same call site numbers.
 */
import { ByteWriter } from '../bytes/writer.ts'
import { StasisError } from '../errors.ts'
import { blockParams, blockResults } from '../module/block-type.ts'
import { CodeCursor } from '../module/code.ts'
import { type FuncType, type Import, ValType, type WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import { writeModule } from '../module/write.ts'
import { BodyEmitter, clauseAround, type EmitTarget, rethrownAround, siteValues } from './emit.ts'
import { Helpers } from './helpers.ts'
import { hostFunctionNames, hostFunctions, hostSlot } from './host-functions.ts'
import { segmentHelperParams, tagParams } from './instrument.ts'
import type { PrelinkMetadata } from './metadata.ts'
import { AddedParts, type HostCall } from './parts.ts'
import { Construct, type FunctionPlan, FunctionPlanner } from './plan.ts'
import { scanFunction } from './scan.ts'
import { loadValue } from './values.ts'

export interface Continuations {
  /**
   * A module that imports `memory`, `table`, `global`, `tag` and `func` by index, `host` by name, and the main module's
   * `functions` table from `main`. It exports the table `frames`.
   */
  readonly bytes: Uint8Array
  /** Position in `frames` of each site's continuation, and of the function that makes a pending call again. */
  readonly sites: ReadonlyMap<number, number>
  readonly calls: ReadonlyMap<number, number>
  /** Function indices that the module imports. */
  readonly functions: readonly number[]
}

/** Function that owns a call site. Throws STASIS_SITE_UNKNOWN. */
export function functionOfSite(metadata: PrelinkMetadata, site: number): number {
  const { firstSite } = metadata
  let low = 0
  let high = firstSite.length - 1
  if (!(site >= 0 && site < (firstSite[high] as number)))
    throw new StasisError(
      'STASIS_SITE_UNKNOWN',
      `The stack names call site ${site}, but the module has only ${firstSite[high]}. The checkpoint belongs to another module or is damaged.`,
      { site },
    )
  while (low + 1 < high) {
    const middle = (low + high) >>> 1
    if ((firstSite[middle] as number) <= site) low = middle
    else high = middle
  }
  return low
}

/**
 * `sites` and `calls` (imported functions, -1 for a poll) without repetitions. `module` is the unmodified module that
 * `metadata` was made from.
 */
export function buildContinuations(
  module: WasmModule,
  metadata: PrelinkMetadata,
  sites: readonly number[],
  calls: readonly number[],
): Continuations {
  const cursor = new CodeCursor(module.bytes)
  const owners = sites.map((site) => functionOfSite(metadata, site))
  const { functions, pollLoops } = scanOwners(module, metadata, cursor, new Set(owners), calls)
  const position = new Map(functions.map((func, i) => [func, hostFunctionNames.length + i]))
  const funcImport = (func: number) => position.get(func) as number
  const firstFrame = hostFunctionNames.length + functions.length
  const parts = new AddedParts(module.types, firstFrame + sites.length + calls.length)
  const host: HostCall = (out, name) => {
    out.u8(Op.call)
    out.u32(hostSlot(name))
  }
  const functionsTable = module.tables.length
  const framesTable = functionsTable + 1
  const helpers = new Helpers(parts, host, tagParams(module))
  const target: EmitTarget = {
    module,
    encoding: metadata.exceptions,
    unwindTag: module.tags.length,
    parts,
    helpers,
    poll: () => hostSlot('poll'),
    dropFlag: () => -1,
    renumber: {
      func: funcImport,
      refFunc: (out, index) => {
        out.u8(Op.i32Const)
        out.s32(index)
        out.u8(Op.tableGet)
        out.u32(functionsTable)
      },
      segment: (op, a, b) => funcImport(segmentHelper(metadata, op, a, b)),
    },
  }
  const next = (out: ByteWriter, results: readonly ValType[]) => {
    host(out, 'next')
    out.u8(Op.callIndirect)
    out.u32(parts.type([], results))
    out.u32(framesTable)
  }

  const types: number[] = []
  const bodies = new ByteWriter(1 << 14)
  const emitter = new BodyEmitter(target, cursor, new ByteWriter(1 << 14))
  const planner = new FunctionPlanner(module, metadata, cursor)
  const bodyOf = new Map<number, { type: number; body: Uint8Array }>()
  for (const owner of new Set(owners)) {
    const plan = planner.plan(owner, pollLoops.get(owner))
    const first = metadata.firstSite[owner] as number
    sites.forEach((site, i) => {
      if (owners[i] !== owner) return
      emitter.out.clear()
      emitter.begin(plan, first)
      new FrameWriter(emitter, helpers, parts, cursor, module.types, next).write(site - first)
      bodyOf.set(site, { type: parts.type([], plan.type.results), body: emitter.out.finish() })
    })
  }
  for (const site of sites) {
    const { type, body } = bodyOf.get(site)!
    types.push(type)
    bodies.u32(body.length)
    bodies.bytes(body)
  }
  for (const call of calls) {
    const { params, results } =
      call < 0 ? hostFunctions.poll : (module.types[module.functions[call] as number] as FuncType)
    types.push(parts.type([], results))
    const out = new ByteWriter(32)
    out.u32(0)
    for (const type of params) loadValue(out, helpers.code, type)
    out.u8(Op.call)
    out.u32(call < 0 ? hostSlot('poll') : funcImport(call))
    out.u8(Op.end)
    bodies.sized(out)
  }
  for (const { type, body } of parts.functions) {
    types.push(type)
    bodies.u32(body.length)
    bodies.bytes(body)
  }
  return {
    bytes: assemble(
      module,
      metadata,
      parts,
      functions,
      types,
      bodies.finish(),
      firstFrame,
      sites.length + calls.length,
    ),
    sites: new Map(sites.map((site, i) => [site, i])),
    calls: new Map(calls.map((call, i) => [call, sites.length + i])),
    functions,
  }
}

function segmentHelper(metadata: PrelinkMetadata, op: number, a: number, b: number): number {
  return metadata.segmentHelpers.find((use) => use.op === op && use.a === a && use.b === b)?.func ?? -1
}

/**
 * The loops that the owners of the sites poll, and what they call by index, whole bodies over: more than is needed, but
 * known before emitting.
 */
function scanOwners(
  module: WasmModule,
  metadata: PrelinkMetadata,
  cursor: CodeCursor,
  owners: ReadonlySet<number>,
  calls: readonly number[],
): { functions: number[]; pollLoops: Map<number, Uint8Array> } {
  const functions = new Set(calls.filter((call) => call >= 0))
  const pollLoops = new Map<number, Uint8Array>()
  const scanner = {
    call: (func: number) => functions.add(func),
    callIndirect() {},
    refFunc() {},
    changesTable() {},
    segment: (op: number, a: number, b: number) => functions.add(segmentHelper(metadata, op, a, b)),
  }
  for (const owner of owners) pollLoops.set(owner, scanFunction(module, cursor, owner, metadata.polls, scanner))
  return { functions: [...functions], pollLoops }
}

/** Writes one continuation; see the file's header. */
class FrameWriter {
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

  #siteFrom(offset: number): number {
    const { siteAt, siteCount } = this.#plan
    let low = 0
    let high = siteCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (siteAt.at(middle) < offset) low = middle + 1
      else high = middle
    }
    return low
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

function assemble(
  module: WasmModule,
  metadata: PrelinkMetadata,
  parts: AddedParts,
  functions: readonly number[],
  types: readonly number[],
  bodies: Uint8Array,
  firstFrame: number,
  frames: number,
): Uint8Array {
  const anyTable = { element: ValType.funcref, limits: { min: 0, shared: false, is64: false } }
  const unwindType = parts.type([], [])
  const functionTypes = [
    ...hostFunctionNames.map((name) => parts.type(hostFunctions[name].params, hostFunctions[name].results)),
    ...functions.map((func) => {
      const use = metadata.segmentHelpers.find((helper) => helper.func === func)
      return use ? parts.type(segmentHelperParams(module, use), []) : (module.functions[func] as number)
    }),
  ]
  const imports: Import[] = [
    ...functionTypes.map((type, i): Import => {
      const name = hostFunctionNames[i]
      return name === undefined
        ? { module: 'func', name: String(functions[i - hostFunctionNames.length]), desc: { kind: 'func', type } }
        : { module: 'host', name, desc: { kind: 'func', type } }
    }),
    ...module.tables.map(
      ({ element, limits }, i): Import => ({
        module: 'table',
        name: String(i),
        desc: { kind: 'table', table: { element, limits } },
      }),
    ),
    { module: 'main', name: 'functions', desc: { kind: 'table', table: anyTable } },
    ...module.memories.map(
      (memory, i): Import => ({ module: 'memory', name: String(i), desc: { kind: 'memory', memory } }),
    ),
    ...module.globals.map(
      (global, i): Import => ({ module: 'global', name: String(i), desc: { kind: 'global', global } }),
    ),
    ...module.tags.map((type, i): Import => ({ module: 'tag', name: String(i), desc: { kind: 'tag', type } })),
    { module: 'tag', name: 'unwind', desc: { kind: 'tag', type: unwindType } },
  ]
  const framesTable = module.tables.length + 1
  const output: WasmModule = {
    bytes: new Uint8Array(0),
    sections: [],
    types: [...module.types, ...parts.types],
    imports,
    functions: Uint32Array.from([...functionTypes, ...types]),
    tables: [
      ...module.tables,
      anyTable,
      { element: ValType.funcref, limits: { min: frames, max: frames, shared: false, is64: false } },
    ],
    memories: module.memories,
    globals: module.globals,
    tags: [...module.tags, unwindType],
    imported: {
      functions: functionTypes.length,
      tables: framesTable,
      memories: module.memories.length,
      globals: module.globals.length,
      tags: module.tags.length + 1,
    },
    globalInits: [],
    exports: [{ name: 'frames', kind: 'table', index: framesTable }],
    elements: [],
    code: { start: new Uint32Array(types.length), end: new Uint32Array(types.length) },
    data: [],
  }
  return writeModule(output, {
    code: (out) => {
      out.u32(types.length)
      out.bytes(bodies)
    },
    element: (out) => {
      out.u32(1)
      out.u32(2)
      out.u32(framesTable)
      for (const byte of [Op.i32Const, 0, Op.end, 0]) out.u8(byte)
      out.u32(frames)
      for (let i = 0; i < frames; i++) out.u32(firstFrame + i)
    },
  })
}
