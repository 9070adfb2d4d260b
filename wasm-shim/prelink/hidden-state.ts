/**
 * Functions added to the main module for state that no export shows: mutable globals, which segments were dropped, and
 * the instructions on segments, which continuations cannot perform themselves.
 */
import { emptyBlock } from '../module/code.ts'
import { ValType, type WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { CallGraph, SegmentUse } from './call-graph.ts'
import type { Helpers } from './helpers.ts'
import type { AddedParts } from './parts.ts'
import { loadValue, saveLocal } from './values.ts'

export interface DropFlags {
  readonly count: number
  readonly flag: (op: number, segment: number) => number
  readonly list: readonly { readonly op: number; readonly segment: number }[]
}

export function dropFlags(module: WasmModule, graph: CallGraph): DropFlags {
  const list = graph.segmentUses
    .filter((use) => use.op === Op.dataDrop || use.op === Op.elemDrop)
    .map((use) => ({ op: use.op, segment: use.a }))
  return {
    count: list.length,
    list,
    flag: (op, segment) => module.globals.length + list.findIndex((drop) => drop.op === op && drop.segment === segment),
  }
}

/** What an instruction on a segment takes from the stack. */
export function segmentHelperParams(module: WasmModule, use: SegmentUse): readonly ValType[] {
  if (use.op === Op.dataDrop || use.op === Op.elemDrop) return []
  const is64 = use.op === Op.memoryInit ? module.memories[use.b]?.is64 : module.tables[use.b]?.limits.is64
  return [is64 ? ValType.i64 : ValType.i32, ValType.i32, ValType.i32]
}

/** A function that performs one segment instruction, for continuations, which have no segments. */
export function addSegmentHelper(
  module: WasmModule,
  parts: AddedParts,
  flag: DropFlags['flag'],
  use: SegmentUse,
): number {
  const drop = use.op === Op.dataDrop || use.op === Op.elemDrop
  const params = segmentHelperParams(module, use)
  return parts.func(params, [], (out) => {
    out.u32(0)
    params.forEach((_, local) => {
      out.u8(Op.localGet)
      out.u32(local)
    })
    out.u8(0xfc)
    out.u32(use.op & 0xff)
    out.u32(use.a)
    if (!drop) out.u32(use.b)
    if (drop) {
      out.u8(Op.i32Const)
      out.s32(1)
      out.u8(Op.globalSet)
      out.u32(flag(use.op, use.a))
    }
  })
}

/** Types of the mutable globals, by index, flags included. */
function mutableGlobals(module: WasmModule, flags: number): { index: number; type: ValType }[] {
  const own = module.globals.flatMap(({ mutable, type }, index) => (mutable ? [{ index, type }] : []))
  const added = Array.from({ length: flags }, (_, i) => ({ index: module.globals.length + i, type: ValType.i32 }))
  return [...own, ...added]
}

export function addSaveGlobals(module: WasmModule, parts: AddedParts, helpers: Helpers, flags: number): number {
  const globals = mutableGlobals(module, flags)
  return parts.func([], [], (out) => {
    const types = [...new Set(globals.map((global) => global.type))]
    out.u32(types.length)
    for (const type of types) {
      out.u32(1)
      out.u8(type)
    }
    for (const { index, type } of globals) {
      const local = types.indexOf(type)
      out.u8(Op.globalGet)
      out.u32(index)
      out.u8(Op.localSet)
      out.u32(local)
      saveLocal(out, helpers.code, type, local)
    }
  })
}

export function addLoadGlobals(module: WasmModule, parts: AddedParts, helpers: Helpers, drops: DropFlags): number {
  return parts.func([], [], (out) => {
    out.u32(0)
    for (const { index, type } of mutableGlobals(module, drops.count)) {
      loadValue(out, helpers.code, type)
      out.u8(Op.globalSet)
      out.u32(index)
    }
    drops.list.forEach(({ op, segment }) => {
      out.u8(Op.globalGet)
      out.u32(drops.flag(op, segment))
      out.u8(Op.if)
      out.s33(emptyBlock)
      out.u8(0xfc)
      out.u32(op & 0xff)
      out.u32(segment)
      out.u8(Op.end)
    })
  })
}
