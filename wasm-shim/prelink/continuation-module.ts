import { type Import, ValType, type WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import { emptyModule, writeModule } from '../module/write.ts'
import { hostFunctionNames, hostFunctions } from './host-functions.ts'
import type { AddedParts } from './parts.ts'

/**
 * The binary of a continuation module. `types` and `bodies` are those of the functions defined, of which the first
 * `frames` go into the imported table `frames`, from `slot` on.
 */
export function assembleContinuations(
  module: WasmModule,
  parts: AddedParts,
  types: readonly number[],
  bodies: Uint8Array,
  frames: number,
  slot: number,
): Uint8Array {
  const anyTable = { element: ValType.funcref, limits: { min: 0, shared: false, is64: false } }
  const unwindType = parts.type([], [])
  const functionTypes = hostFunctionNames.map((name) =>
    parts.type(hostFunctions[name].params, hostFunctions[name].results),
  )
  const imports: Import[] = [
    ...hostFunctionNames.map(
      (name, i): Import => ({ module: 'host', name, desc: { kind: 'func', type: functionTypes[i] as number } }),
    ),
    ...module.tables.map(
      ({ element, limits }, i): Import => ({
        module: 'table',
        name: String(i),
        desc: { kind: 'table', table: { element, limits } },
      }),
    ),
    { module: 'main', name: 'functions', desc: { kind: 'table', table: anyTable } },
    { module: 'main', name: 'frames', desc: { kind: 'table', table: anyTable } },
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
  const firstFrame = functionTypes.length
  const output: WasmModule = {
    ...emptyModule,
    types: [...module.types, ...parts.types],
    imports,
    functions: Uint32Array.from([...functionTypes, ...types]),
    tables: [...module.tables, anyTable, anyTable],
    memories: module.memories,
    globals: module.globals,
    tags: [...module.tags, unwindType],
    imported: {
      functions: functionTypes.length,
      tables: framesTable + 1,
      memories: module.memories.length,
      globals: module.globals.length,
      tags: module.tags.length + 1,
    },
    code: { start: new Uint32Array(types.length), end: new Uint32Array(types.length) },
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
      out.u8(Op.i32Const)
      out.s32(slot)
      out.u8(Op.end)
      out.u8(0)
      out.u32(frames)
      for (let i = 0; i < frames; i++) out.u32(firstFrame + i)
    },
  })
}
