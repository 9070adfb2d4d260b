/**
 * Rewrites a whole module (D1, D2). Nothing that exists changes its index; what is added comes behind it:
 *
 *   (type ...)                    block types, helper signatures
 *   (func $save... $poll ...)     helpers; `save_globals`, `load_globals`; one per segment instruction
 *   (table $functions)            every function, so that continuations can call it and references can be named
 *   (table $host)                 the engine's functions, set after instantiation
 *   (tag $unwind)                 the exception that captures
 *   (global ...)                  one flag per segment that the code drops
 *   (export "stasis.*")           the above, and every memory, table, global and tag of the guest
 *
 * The start section becomes an export: it must not run again in a restored instance. Function bodies that cannot unwind
 * are copied as they are.
 */
import { ByteWriter } from '../bytes/writer.ts'
import { StasisError } from '../errors.ts'
import { CodeCursor } from '../module/code.ts'
import { type Export, type Import, ValType, type WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import { writeElement } from '../module/sections/element.ts'
import { writeGlobalType } from '../module/sections/global.ts'
import { type SectionOverrides, writeModule } from '../module/write.ts'
import { analyseCalls, type CallGraph } from './call-graph.ts'
import { BodyEmitter } from './emit.ts'
import type { EmitTarget } from './emit-target.ts'
import { Helpers } from './helpers.ts'
import { addLoadGlobals, addSaveGlobals, addSegmentHelper, dropFlags } from './hidden-state.ts'
import { hostFunctionNames } from './host-functions.ts'
import type { PollMode } from './index.ts'
import { encodeMetadata, metadataSection, type PrelinkMetadata, prelinkVersion } from './metadata.ts'
import { AddedParts, callThroughTable } from './parts.ts'
import { type FunctionPlan, FunctionPlanner } from './plan.ts'

export interface InstrumentResult {
  readonly bytes: Uint8Array
  readonly metadata: PrelinkMetadata
}

/** Prefix of the added exports that no export of the guest starts with. */
function exportPrefix(module: WasmModule): string {
  let prefix = 'stasis.'
  while (module.exports.some((item) => item.name.startsWith(prefix))) prefix = `_${prefix}`
  return prefix
}

/** A name imported twice with different types is given a second name, since JavaScript links by name. */
function linkNames(module: WasmModule): string[] {
  const types = new Map<string, string>()
  return module.imports.map(({ module: from, name, desc }, index) => {
    const key = JSON.stringify([from, name])
    const type = JSON.stringify(desc.kind === 'func' ? module.types[desc.type] : desc)
    const known = types.get(key)
    if (known === undefined) types.set(key, type)
    return known === undefined || known === type ? name : `${name}#${index}`
  })
}

/** Parameters of each tag. */
export const tagParams = (module: WasmModule) => module.tags.map((type) => module.types[type]?.params ?? [])

export function instrument(
  module: WasmModule,
  polls: PollMode,
  exceptions: 'auto' | 'legacy' | 'exnref',
): InstrumentResult {
  const graph = analyseCalls(module, polls)
  const guest = graph.exceptions
  if (guest !== undefined && exceptions !== 'auto' && exceptions !== guest)
    throw new StasisError(
      'STASIS_PRELINK_ENCODING',
      `The module's own exceptions use the ${guest} encoding, which cannot be mixed with ${exceptions} in one module. Leave the option at 'auto'.`,
    )
  const encoding = exceptions === 'auto' ? (guest ?? 'legacy') : exceptions
  const functions = module.functions.length
  const parts = new AddedParts(module.types, functions)
  const functionsTable = module.tables.length
  const hostTable = functionsTable + 1
  const host = callThroughTable(parts, hostTable)
  const helpers = new Helpers(parts, host, tagParams(module))
  const drops = dropFlags(module, graph)
  const unwindTag = module.tags.length
  const unwindType = parts.type([], [])
  const target: EmitTarget = {
    module,
    encoding,
    unwindTag,
    parts,
    helpers,
    poll: () => helpers.trampoline('poll'),
    dropFlag: drops.flag,
  }
  const segmentHelpers = graph.segmentUses.map((use) => ({
    ...use,
    func: addSegmentHelper(module, parts, drops.flag, use),
  }))
  const saveGlobals = addSaveGlobals(module, parts, helpers, drops.count)
  const loadGlobals = addLoadGlobals(module, parts, helpers, drops)
  const { code, firstSite } = emitFunctions(module, graph, target)

  const prefix = exportPrefix(module)
  const links = linkNames(module)
  const added = parts.functions.length
  const exports: Export[] = [
    ...module.exports,
    ...module.memories.map((_, index) => ({ name: `${prefix}memory.${index}`, kind: 'memory' as const, index })),
    ...module.tables.map((_, index) => ({ name: `${prefix}table.${index}`, kind: 'table' as const, index })),
    ...module.globals.map((_, index) => ({ name: `${prefix}global.${index}`, kind: 'global' as const, index })),
    ...module.tags.map((_, index) => ({ name: `${prefix}tag.${index}`, kind: 'tag' as const, index })),
    { name: `${prefix}functions`, kind: 'table', index: functionsTable },
    { name: `${prefix}host`, kind: 'table', index: hostTable },
    { name: `${prefix}unwind`, kind: 'tag', index: unwindTag },
    { name: `${prefix}save_globals`, kind: 'func', index: saveGlobals },
    { name: `${prefix}load_globals`, kind: 'func', index: loadGlobals },
    ...(module.start === undefined ? [] : [{ name: `${prefix}start`, kind: 'func' as const, index: module.start }]),
  ]
  const table = (size: number) => ({
    element: ValType.funcref,
    limits: { min: size, max: size, shared: false, is64: false },
  })
  const { start: _, ...withoutStart } = module
  const output: WasmModule = {
    ...withoutStart,
    sections: module.sections.filter((section) => !section.name?.startsWith('metadata.code.')),
    types: [...module.types, ...parts.types],
    imports: module.imports.map((item, i): Import => ({ ...item, name: links[i] as string })),
    functions: Uint32Array.from([...module.functions, ...parts.functions.map((func) => func.type)]),
    tables: [...module.tables, table(functions + added), table(hostFunctionNames.length)],
    tags: [...module.tags, unwindType],
    exports,
  }
  const overrides: SectionOverrides = {
    code: (out) => {
      out.u32(module.code.start.length + added)
      out.bytes(code)
      for (const func of parts.functions) {
        out.u32(func.body.length)
        out.bytes(func.body)
      }
    },
    element: (out) => {
      out.u32(module.elements.length + 1)
      for (const segment of module.elements) writeElement(out, module.bytes, segment)
      writeFunctionsSegment(out, functionsTable, functions + added)
    },
    ...(drops.count > 0 && {
      global: (out: ByteWriter) => {
        out.u32(module.globalInits.length + drops.count)
        module.globalInits.forEach((init, i) => {
          writeGlobalType(out, module.globals[module.imported.globals + i]!)
          out.range(module.bytes, init.start, init.end)
        })
        for (let i = 0; i < drops.count; i++) {
          writeGlobalType(out, { type: ValType.i32, mutable: true })
          out.bytes(zero)
        }
      },
    }),
  }
  let imported = 0
  const metadata: PrelinkMetadata = {
    version: prelinkVersion,
    polls,
    exceptions: encoding,
    prefix,
    imports: module.imports.flatMap((item, i) => {
      if (item.desc.kind !== 'func') return []
      const { params, results } = module.types[module.functions[imported++] as number]!
      return [{ module: item.module, name: item.name, link: links[i] as string, params, results }]
    }),
    functions,
    memories: module.memories.length,
    tables: graph.tableChanges,
    globals: module.globals.length,
    tags: module.tags.length,
    hasStart: module.start !== undefined,
    mayUnwind: graph.mayUnwind,
    indirectMayUnwind: graph.indirectMayUnwind,
    firstSite,
    pollLoops: graph.pollLoops,
    segmentHelpers,
  }
  const bytes = writeModule(output, overrides, {
    capacity: Math.ceil(module.bytes.length * 1.05) + code.length,
    customSections: [{ name: metadataSection, content: encodeMetadata(metadata) }],
  })
  return { bytes, metadata }
}

const zero = Uint8Array.of(Op.i32Const, 0, Op.end)

function emitFunctions(module: WasmModule, graph: CallGraph, target: EmitTarget) {
  const { bytes, code } = module
  const out = new ByteWriter(Math.ceil(bytes.length * 0.5))
  const body = new ByteWriter(1 << 16)
  const cursor = new CodeCursor(bytes)
  const planner = new FunctionPlanner(module, graph, cursor)
  const emitter = new BodyEmitter(target, cursor, body)
  const firstSite = new Uint32Array(module.functions.length + 1)
  let sites = 0
  const first = module.imported.functions
  for (let func = first; func < module.functions.length; func++) {
    const start = code.start[func - first] as number
    const end = code.end[func - first] as number
    firstSite[func] = sites
    if (graph.mayUnwind[func] !== 1 && !graph.dropping.has(func)) {
      out.u32(end - start)
      out.range(bytes, start, end)
      continue
    }
    const plan = planner.plan(func, graph.pollLoops[func])
    body.clear()
    emitter.begin(plan, sites)
    writeLocals(body, bytes, plan)
    if (plan.special || graph.dropping.has(func))
      emitter.body(plan.type.results, (label) => {
        emitter.range(plan.code, end - 1, 0, [label], false)
      })
    else emitter.whole(plan.code, end - 1)
    body.u8(Op.end)
    out.sized(body)
    sites += plan.siteCount
  }
  firstSite[module.functions.length] = sites
  return { code: out.finish(), firstSite }
}

/** The original declarations, then one group for each added local. */
function writeLocals(out: ByteWriter, bytes: Uint8Array, plan: FunctionPlan): void {
  const cursor = new CodeCursor(bytes, plan.start, plan.code)
  const groups = cursor.u32()
  const added = plan.locals.slice(plan.ownLocals)
  out.u32(groups + added.length)
  out.range(bytes, cursor.pos, plan.code)
  for (const type of added) {
    out.u32(1)
    out.u8(type)
  }
}

function writeFunctionsSegment(out: ByteWriter, table: number, count: number): void {
  out.u32(2)
  out.u32(table)
  out.bytes(zero)
  out.u8(0)
  out.u32(count)
  for (let func = 0; func < count; func++) out.u32(func)
}
