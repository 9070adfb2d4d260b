/**
 * How one function of a continuation module hands its locals to another that goes on with them: through globals of the
 * module, which are read at once. Parameters would change the numbers of the locals, and engines allow only 1,000.
 */
import type { ByteWriter } from '../bytes/writer.ts'
import { ValType } from '../module/model.ts'
import { Op } from '../module/opcodes.ts'
import { writeGlobalType } from '../module/sections/global.ts'

export class Handover {
  /** Types of the globals made so far. */
  readonly types: ValType[] = []
  /** Index of the first. */
  readonly #first: number
  readonly #byType = new Map<ValType, number[]>()

  constructor(first: number) {
    this.#first = first
  }

  /** A global for each value; the same for the same list of types. */
  globals(types: readonly ValType[]): number[] {
    const used = new Map<ValType, number>()
    return types.map((type) => {
      const nth = used.get(type) ?? 0
      used.set(type, nth + 1)
      const known = this.#byType.get(type) ?? []
      this.#byType.set(type, known)
      if (nth === known.length) known.push(this.#first + this.types.push(type) - 1)
      return known[nth] as number
    })
  }

  /** The contents of the global section. */
  write(out: ByteWriter): void {
    out.u32(this.types.length)
    for (const type of this.types) {
      writeGlobalType(out, { type, mutable: true })
      writeZero(out, type)
    }
  }
}

function writeZero(out: ByteWriter, type: ValType): void {
  switch (type) {
    case ValType.i32:
    case ValType.i64:
      out.u8(type === ValType.i32 ? Op.i32Const : Op.i64Const)
      out.u8(0)
      break
    case ValType.f32:
    case ValType.f64:
      out.u8(type === ValType.f32 ? f32Const : f64Const)
      out.bytes(new Uint8Array(type === ValType.f32 ? 4 : 8))
      break
    case ValType.v128:
      out.u8(0xfd)
      out.u32(v128Const)
      out.bytes(new Uint8Array(16))
      break
    default:
      out.u8(Op.refNull)
      out.u8(type)
  }
  out.u8(Op.end)
}

const f32Const = 0x43
const f64Const = 0x44
const v128Const = 12
