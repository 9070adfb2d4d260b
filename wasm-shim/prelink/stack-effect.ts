import { ValType, type WasmModule } from '../module/model.ts'
import { dynamicEffect, Op, popCount, pushType } from '../module/opcodes.ts'
import type { OperandStack } from './operand-stack.ts'

/** Applies an instruction that neither branches nor calls nor touches locals. `a` is its first immediate. */
export function applyEffect(stack: OperandStack, module: WasmModule, op: number, a: number): void {
  const pops = popCount[op] as number
  const pushes = pushType[op] as number
  if (pops !== dynamicEffect && pushes !== dynamicEffect) {
    stack.pop(pops)
    if (pushes !== 0) stack.push(pushes)
  } else applyDynamic(stack, module, op, a)
}

/** Instructions whose types depend on the module or on what stands on the stack. */
function applyDynamic(stack: OperandStack, module: WasmModule, op: number, a: number): void {
  switch (op) {
    case Op.drop:
    case Op.globalSet:
      stack.pop(1)
      break
    case Op.select: {
      const type = stack.type(stack.height - 2)
      stack.pop(3)
      stack.push(type)
      break
    }
    case Op.selectTyped:
      stack.pop(3)
      stack.push(a)
      break
    case Op.globalGet:
      stack.push(module.globals[a]?.type as number)
      break
    case Op.tableGet:
      stack.pop(1)
      stack.push(module.tables[a]?.element as number)
      break
    case Op.tableSet:
      stack.pop(2)
      break
    case Op.refNull:
      stack.push(a)
      break
    case Op.memorySize:
      stack.push(addressType(module.memories[a]?.is64))
      break
    case Op.memoryGrow:
      stack.pop(1)
      stack.push(addressType(module.memories[a]?.is64))
      break
    case Op.tableSize:
      stack.push(addressType(module.tables[a]?.limits.is64))
      break
    case Op.tableGrow:
      stack.pop(2)
      stack.push(addressType(module.tables[a]?.limits.is64))
      break
    default:
      // The wide-arithmetic instructions, the only ones left with two results.
      stack.pop(popCount[op] as number)
      stack.pushAll(twoWide)
  }
}

const addressType = (is64: boolean | undefined) => (is64 ? ValType.i64 : ValType.i32)
const twoWide: readonly ValType[] = [ValType.i64, ValType.i64]
