/**
 * One pass over a function's instructions, before anything is decided: what it calls, what it does to tables and
 * segments, and which of its loops qualify for a poll (D11: those that contain loops or calls; all loops under 'all').
 */
import { type CodeCursor, opensBlock, skipLocals } from '../module/code.ts'
import type { WasmModule } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { PollMode } from './index.ts'

export interface Scanner {
  call(callee: number): void
  callIndirect(type: number, table: number): void
  refFunc(func: number): void
  /** table.set, grow, fill, copy (destination) and init. */
  changesTable(table: number): void
  /** memory.init, data.drop, table.init, elem.drop. */
  segment(op: number, a: number, b: number): void
  /** An instruction of one of the two encodings of exceptions. */
  exceptions(encoding: 'legacy' | 'exnref'): void
}

/** Returns one byte a loop in order of appearance: 1 where a poll belongs. */
export function scanFunction(
  module: WasmModule,
  cursor: CodeCursor,
  index: number,
  polls: PollMode,
  scanner: Scanner,
): Uint8Array {
  const body = index - module.imported.functions
  cursor.moveTo(module.code.start[body] as number, module.code.end[body] as number)
  skipLocals(cursor)
  const loops: number[] = []
  const open: number[] = []
  const inLoop = () => {
    for (let i = open.length - 1; i >= 0; i--) {
      const loop = open[i] as number
      if (loop >= 0) {
        loops[loop] = 1
        return
      }
    }
  }
  let calls = false
  while (cursor.next()) {
    const { op } = cursor
    if (opensBlock(op)) {
      if (op === Op.loop) {
        inLoop()
        open.push(loops.length)
        loops.push(polls === 'all' ? 1 : 0)
      } else open.push(-1)
      if (op === Op.try) scanner.exceptions('legacy')
      else if (op === Op.tryTable) scanner.exceptions('exnref')
      continue
    }
    switch (op) {
      case 0x0b: // end
      case 0x18: // delegate
        open.pop()
        break
      case 0x10: // call
      case 0x12: // returnCall
        calls = true
        scanner.call(cursor.a)
        inLoop()
        break
      case 0x11: // callIndirect
      case 0x13: // returnCallIndirect
        calls = true
        scanner.callIndirect(cursor.a, cursor.b)
        inLoop()
        break
      case 0x0a: // throwRef
        scanner.exceptions('exnref')
        break
      case 0xd2: // refFunc
        scanner.refFunc(cursor.a)
        break
      case 0x26: // tableSet
      case 0x10f: // tableGrow
      case 0x111: // tableFill
      case 0x10e: // tableCopy
        scanner.changesTable(cursor.a)
        break
      case 0x10c: // tableInit
        scanner.changesTable(cursor.b)
        scanner.segment(op, cursor.a, cursor.b)
        break
      case 0x108: // memoryInit
      case 0x109: // dataDrop
      case 0x10d: // elemDrop
        scanner.segment(op, cursor.a, cursor.b)
        break
    }
  }
  return polls === 'none' || (loops.length === 0 && !calls) ? noLoops : Uint8Array.from(loops)
}

const noLoops = new Uint8Array(0)
