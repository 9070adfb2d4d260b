/**
 * The functions that instrumented code needs from the engine. The main module reaches them through a table of its own
 * (`call_indirect`), since added imports would shift every function index; a continuation module imports them.
 */
import { type FuncType, ValType } from '../module/model.ts'

const { i32, funcref, externref } = ValType

const slots = {
  /** A frame begins: its call site number. */
  begin: { params: [i32], results: [] },
  put32: { params: [i32], results: [] },
  putFunc: { params: [funcref], results: [] },
  putExtern: { params: [externref], results: [] },
  get32: { params: [], results: [i32] },
  getFunc: { params: [], results: [funcref] },
  getExtern: { params: [], results: [externref] },
  /** Loop poll (D11). */
  poll: { params: [], results: [] },
  /** An exception is in flight whose tag the module does not know: it cannot be saved. */
  putForeignException: { params: [], results: [] },
  /** Index, in the continuation module's table, of the frame inside the one being resumed. */
  next: { params: [], results: [i32] },
  /** Likewise, of the loop with this number in its function; `begin` and what was put since are for it. */
  loop: { params: [i32], results: [i32] },
} as const satisfies Record<string, FuncType>

export type HostFunction = keyof typeof slots
export const hostFunctions: Readonly<Record<HostFunction, FuncType>> = slots
export const hostFunctionNames = Object.keys(slots) as readonly HostFunction[]
/** Position in the main module's host table. */
export const hostSlot = (name: HostFunction): number => hostFunctionNames.indexOf(name)
