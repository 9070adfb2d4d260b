import { CodeCursor, readLocals } from '../../../wasm-shim/module/code.ts'
import { ValType, type WasmModule } from '../../../wasm-shim/module/model.ts'
import { Op, prefixBase } from '../../../wasm-shim/module/opcodes.ts'

/** Features beyond WebAssembly 1.0, by the opcodes that give them away: half-open ranges of numbers as in opcodes.ts. */
const byOpcode: readonly (readonly [feature: string, start: number, end: number])[] = [
  ['sign extension', 0xc0, 0xc5],
  ['saturating conversion', prefixBase[0xfc], prefixBase[0xfc] + 8],
  ['bulk memory', Op.memoryInit, Op.tableGrow],
  ['reference types', Op.tableGrow, Op.tableFill + 1],
  ['reference types', Op.refNull, Op.refFunc + 1],
  ['reference types', Op.tableGet, Op.tableSet + 1],
  ['reference types', Op.selectTyped, Op.selectTyped + 1],
  ['SIMD', prefixBase[0xfd], prefixBase[0xfd] + 0x100],
  ['relaxed SIMD', prefixBase[0xfd] + 0x100, prefixBase[0xfe]],
  ['atomics', prefixBase[0xfe], prefixBase[0xfe] + 0x80],
  ['tail calls', Op.returnCall, Op.returnCallIndirect + 1],
  ['exceptions (legacy)', Op.try, Op.catch + 1],
  ['exceptions (legacy)', Op.rethrow, Op.rethrow + 1],
  ['exceptions (legacy)', Op.delegate, Op.catchAll + 1],
  ['exceptions (exnref)', Op.throwRef, Op.throwRef + 1],
  ['exceptions (exnref)', Op.tryTable, Op.tryTable + 1],
]

/** The features that a module uses, sorted. Reads every instruction once. */
export function listFeatures(module: WasmModule): readonly string[] {
  const used = usedOpcodes(module)
  const found = new Set(
    byOpcode.filter(([, start, end]) => used.subarray(start, end).includes(1)).map(([name]) => name),
  )
  if (module.types.some((type) => type.results.length > 1)) found.add('multi-value')
  if (module.memories.length > 1) found.add('multi-memory')
  if (module.tables.length > 1) found.add('reference types')
  if (module.memories.some((memory) => memory.is64)) found.add('memory64')
  if (module.memories.some((memory) => memory.shared)) found.add('shared memory')
  if (module.tags.length > 0 && ![...found].some((name) => name.startsWith('exceptions'))) found.add('exceptions')
  const values = module.types.flatMap((type) => [...type.params, ...type.results])
  if (values.includes(ValType.v128)) found.add('SIMD')
  return [...found].sort()
}

/** One byte an opcode: 1 where it occurs in some function. */
function usedOpcodes(module: WasmModule): Uint8Array {
  const used = new Uint8Array(prefixBase[0xfe] + 0x100)
  const cursor = new CodeCursor(module.bytes)
  for (let body = 0; body < module.code.start.length; body++) {
    cursor.moveTo(module.code.start[body] as number, module.code.end[body] as number)
    readLocals(cursor, [])
    while (cursor.next()) used[cursor.op] = 1
  }
  return used
}
