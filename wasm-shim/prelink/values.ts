/**
 * How values become 32-bit words and come back. Integers as they are, low word first; floats by their bits, since a
 * JavaScript number would lose the payload of a NaN; vectors as two i64; references through the engine, which names
 * functions by index.
 */
import type { ByteWriter } from '../bytes/writer.ts'
import { ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import type { HostCall } from './parts.ts'

const i64x2ExtractLane = 29
const i64x2Splat = 18
const i64x2ReplaceLane = 30

/** Order in which saved values are grouped, so that few helper signatures exist. */
export const typeOrder: readonly ValType[] = [
  ValType.i32,
  ValType.i64,
  ValType.f32,
  ValType.f64,
  ValType.v128,
  ValType.funcref,
  ValType.externref,
  ValType.exnref,
]
export const typeRank = new Uint8Array(0x80)
typeOrder.forEach((type, rank) => {
  typeRank[type] = rank
})

export interface ValueCode {
  readonly host: HostCall
  /** Functions that save and load an exception reference; only where the module has them. */
  readonly saveException?: () => number
  readonly loadException?: () => number
}

function getLocal(out: ByteWriter, local: number): void {
  out.u8(Op.localGet)
  out.u32(local)
}

/** Emits: save the value of `local`. */
export function saveLocal(out: ByteWriter, code: ValueCode, type: ValType, local: number): void {
  const put64 = (value: () => void) => {
    value()
    out.u8(Op.i32WrapI64)
    code.host(out, 'put32')
    value()
    out.u8(Op.i64Const)
    out.s32(32)
    out.u8(Op.i64ShrU)
    out.u8(Op.i32WrapI64)
    code.host(out, 'put32')
  }
  const get = () => getLocal(out, local)
  switch (type) {
    case ValType.i32:
      get()
      code.host(out, 'put32')
      return
    case ValType.f32:
      get()
      out.u8(Op.i32ReinterpretF32)
      code.host(out, 'put32')
      return
    case ValType.i64:
      put64(get)
      return
    case ValType.f64:
      put64(() => {
        get()
        out.u8(Op.i64ReinterpretF64)
      })
      return
    case ValType.v128:
      for (const lane of [0, 1])
        put64(() => {
          get()
          vector(out, i64x2ExtractLane, lane)
        })
      return
    case ValType.funcref:
      get()
      code.host(out, 'putFunc')
      return
    case ValType.externref:
      get()
      code.host(out, 'putExtern')
      return
    case ValType.exnref:
      get()
      out.u8(Op.call)
      out.u32(code.saveException?.() ?? 0)
      return
  }
}

/** Emits: leave the next saved value of this type on the stack. */
export function loadValue(out: ByteWriter, code: ValueCode, type: ValType): void {
  const get64 = () => {
    code.host(out, 'get32')
    out.u8(Op.i64ExtendI32U)
    code.host(out, 'get32')
    out.u8(Op.i64ExtendI32U)
    out.u8(Op.i64Const)
    out.s32(32)
    out.u8(Op.i64Shl)
    out.u8(Op.i64Or)
  }
  switch (type) {
    case ValType.i32:
      code.host(out, 'get32')
      return
    case ValType.f32:
      code.host(out, 'get32')
      out.u8(Op.f32ReinterpretI32)
      return
    case ValType.i64:
      get64()
      return
    case ValType.f64:
      get64()
      out.u8(Op.f64ReinterpretI64)
      return
    case ValType.v128:
      get64()
      vector(out, i64x2Splat)
      get64()
      vector(out, i64x2ReplaceLane, 1)
      return
    case ValType.funcref:
      code.host(out, 'getFunc')
      return
    case ValType.externref:
      code.host(out, 'getExtern')
      return
    case ValType.exnref:
      out.u8(Op.call)
      out.u32(code.loadException?.() ?? 0)
      return
  }
}

function vector(out: ByteWriter, suffix: number, lane?: number): void {
  out.u8(0xfd)
  out.u32(suffix)
  if (lane !== undefined) out.u8(lane)
}
