/**
 * Continuations (D3): one function for each call site that is on a captured stack (frame-writer.ts). They live in a
 * module of their own, with the index spaces of the main one for memories, tables, globals and tags, so that the main
 * module is emitted once and nothing is shipped in advance; and they are themselves capturable, with the same call site
 * numbers.
 */
import { ByteWriter } from '../bytes/writer.ts'
import { StasisError } from '../errors.ts'
import { CodeCursor } from '../module/code.ts'
import type { FuncType, ValType, WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import { assembleContinuations } from './continuation-module.ts'
import { BodyEmitter, type EmitTarget } from './emit.ts'
import { FrameWriter, type LoopStart } from './frame-writer.ts'
import { Handover } from './handover.ts'
import { Helpers } from './helpers.ts'
import { segmentHelperParams } from './hidden-state.ts'
import { hostFunctionNames, hostFunctions, hostSlot } from './host-functions.ts'
import { tagParams } from './instrument.ts'
import type { PrelinkMetadata } from './metadata.ts'
import { AddedParts, type HostCall } from './parts.ts'
import { FunctionPlanner } from './plan.ts'
import { loadValue } from './values.ts'

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
 * A module that imports `memory`, `table`, `global` and `tag` by index, `host` by name, and from `main` the main module's
 * table `functions` and the table `frames`. Instantiated, it puts into `frames`, from `slot` on, the continuation of each
 * of `sites` and then the function that makes each of `calls` again (imported functions, -1 for a poll). Neither list has
 * repetitions; `module` is the unmodified module that `metadata` was made from,
 * as `readModule` or `readCodeContext` gives it.
 */
export function buildContinuations(
  module: WasmModule,
  metadata: PrelinkMetadata,
  sites: readonly number[],
  calls: readonly number[],
  slot: number,
): Uint8Array {
  for (const call of calls)
    if (!(call >= -1 && call < module.imported.functions))
      throw new StasisError(
        'STASIS_STACK_DAMAGED',
        `The stack waits in import ${call}, but the module has ${module.imported.functions}. The checkpoint belongs to another module or is damaged.`,
        { call },
      )
  const cursor = new CodeCursor(module.bytes)
  const owners = sites.map((site) => functionOfSite(metadata, site))
  const firstFrame = hostFunctionNames.length
  const parts = new AddedParts(module.types, firstFrame + sites.length + calls.length)
  const host: HostCall = (out, name) => {
    out.u8(Op.call)
    out.u32(hostSlot(name))
  }
  const functionsTable = module.tables.length
  const callMain = (out: ByteWriter, op: number, func: number, type: number) => {
    out.u8(Op.i32Const)
    out.s32(func)
    out.u8(op === Op.returnCall ? Op.returnCallIndirect : Op.callIndirect)
    out.u32(type)
    out.u32(functionsTable)
  }
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
      call: (out, op, func) => callMain(out, op, func, module.functions[func] as number),
      refFunc: (out, index) => {
        out.u8(Op.i32Const)
        out.s32(index)
        out.u8(Op.tableGet)
        out.u32(functionsTable)
      },
      segment: (out, op, a, b) => {
        const type = parts.type(segmentHelperParams(module, { op, a, b }), [])
        callMain(out, Op.call, segmentHelper(metadata, op, a, b), type)
      },
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
  const handover = new Handover(module.globals.length)
  const writer = new FrameWriter(emitter, helpers, parts, handover, cursor, module.types, next)
  const planner = new FunctionPlanner(module, metadata, cursor)
  const bodyOf = new Map<number, { type: number; body: Uint8Array }>()
  for (const owner of new Set(owners)) {
    const plan = planner.plan(owner, metadata.pollLoops[owner])
    const first = metadata.firstSite[owner] as number
    const body = (write: () => void): Uint8Array => {
      emitter.out.clear()
      emitter.begin(plan, first)
      write()
      return emitter.out.finish()
    }
    const loops: LoopStart[] = []
    sites.forEach((site, i) => {
      if (owners[i] !== owner) return
      bodyOf.set(site, { type: parts.type([], plan.type.results), body: body(() => writer.site(site - first, loops)) })
    })
    // Grows meanwhile: a loop inside another one goes on with that.
    for (const loop of loops)
      parts.define(
        loop.func,
        body(() => writer.loop(loop, loops)),
      )
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
    if (call < 0) host(out, 'poll')
    else callMain(out, Op.call, call, module.functions[call] as number)
    out.u8(Op.end)
    bodies.sized(out)
  }
  for (const { type, body } of parts.functions) {
    types.push(type)
    bodies.u32(body.length)
    bodies.bytes(body)
  }
  const frames = sites.length + calls.length
  return assembleContinuations(module, parts, handover, types, bodies.finish(), frames, slot)
}

function segmentHelper(metadata: PrelinkMetadata, op: number, a: number, b: number): number {
  return metadata.segmentHelpers.find((use) => use.op === op && use.a === a && use.b === b)?.func ?? -1
}
