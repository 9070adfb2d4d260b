import { emptyBlock } from './code.ts'
import type { FuncType, ValType } from './model.ts'

const none: readonly ValType[] = []

/** Parameters of a block type as CodeCursor reads it: negative for the empty type and value types, else a type index. */
export function blockParams(types: readonly FuncType[], blockType: number): readonly ValType[] {
  return blockType < 0 ? none : (types[blockType]?.params ?? none)
}

export function blockResults(types: readonly FuncType[], blockType: number): readonly ValType[] {
  if (blockType === emptyBlock) return none
  return blockType < 0 ? [(blockType + 0x80) as ValType] : (types[blockType]?.results ?? none)
}
