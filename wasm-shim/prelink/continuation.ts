/**
 * Continuations (D3): one function for each call site that is on a captured stack, and one for each loop around such a
 * site, which is built when it is reached (frame-writer.ts). They live in a
 * module of their own, with the index spaces of the main one for memories, tables, globals and tags, so that the main
 * module is emitted once and nothing is shipped in advance; and they are themselves capturable, with the same call site
 * numbers.
 */
import { ByteWriter } from '../bytes/writer.ts'
import { StasisError } from '../errors.ts'
import { CodeCursor } from '../module/code.ts'
import type { FuncType, WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import { assembleContinuations } from './continuation-module.ts'
import { BodyEmitter } from './emit.ts'
import type { EmitTarget } from './emit-target.ts'
import { type CallContinuation, FrameWriter } from './frame-writer.ts'
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

/** Where a continuation begins: behind a call site or, with `loop`, at the head of that loop, in which the site is. */
export interface ContinuationStart {
  readonly site: number
  /** The loop's number in its function, as the continuations name it to the engine. */
  readonly loop?: number
}

/**
 * A module that imports `memory`, `table`, `global` and `tag` by index, `host` by name, and from `main` the main module's
 * table `functions` and the table `frames`. Instantiated, it puts into `frames`, from `slot` on, the continuation of each
 * of `starts` and then the function that makes each of `calls` again (imported functions, -1 for a poll). Neither list has
 * repetitions; `module` is the unmodified module that `metadata` was made from, as `readModule` or `readCodeContext`
 * gives it.
 */
export function buildContinuations(
  module: WasmModule,
  metadata: PrelinkMetadata,
  starts: readonly ContinuationStart[],
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
  const owners = starts.map(({ site }) => functionOfSite(metadata, site))
  const firstFrame = hostFunctionNames.length
  const parts = new AddedParts(module.types, firstFrame + starts.length + calls.length)
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
  const callContinuation: CallContinuation = (out, which, results) => {
    host(out, which)
    out.u8(Op.callIndirect)
    out.u32(parts.type([], results))
    out.u32(framesTable)
  }

  const emitter = new BodyEmitter(target, cursor, new ByteWriter(1 << 14))
  const writer = new FrameWriter(emitter, helpers, parts, cursor, module.types, callContinuation)
  const planner = new FunctionPlanner(module, metadata, cursor)
  const types: number[] = []
  const written: Uint8Array[] = []
  for (const owner of new Set(owners)) {
    const plan = planner.plan(owner, metadata.pollLoops[owner])
    const first = metadata.firstSite[owner] as number
    starts.forEach(({ site, loop }, i) => {
      if (owners[i] !== owner) return
      emitter.out.clear()
      emitter.begin(plan, first)
      if (loop === undefined) writer.site(site - first)
      else writer.loop(loop, site - first)
      types[i] = parts.type([], plan.type.results)
      written[i] = emitter.out.finish()
    })
  }
  const bodies = new ByteWriter(1 << 14)
  for (const body of written) {
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
  const frames = starts.length + calls.length
  return assembleContinuations(module, parts, types, bodies.finish(), frames, slot)
}

function segmentHelper(metadata: PrelinkMetadata, op: number, a: number, b: number): number {
  return metadata.segmentHelpers.find((use) => use.op === op && use.a === a && use.b === b)?.func ?? -1
}
