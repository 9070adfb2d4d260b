/**
 * Reading instructions one by one. The cursor is one mutable object with plain number fields, so that a pass over ten
 * megabytes of code allocates nothing; `br_table` and `try_table` leave the place of their vector in `a`.
 */
import { StasisError } from '../errors.ts'
import { ValType } from './model.ts'
import { immediateOf, Op, opcodes, prefixBase, unknownOpcode } from './opcodes.ts'

export class CodeCursor {
  readonly bytes: Uint8Array
  /** Next byte to read: after `next()`, the end of the current instruction. */
  pos: number
  end: number
  /** Offset of the current instruction. */
  at = 0
  /** Opcode number as in opcodes.ts. */
  op = 0
  /** First and second immediate (index, label, constant's offset, block type as s33, vector's offset). */
  a = 0
  b = 0
  /** Number of entries of a vector immediate. */
  count = 0

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.pos = start
    this.end = end
  }

  moveTo(start: number, end: number): void {
    this.pos = start
    this.end = end
  }

  fail(what: string, at = this.at): never {
    throw new StasisError('STASIS_MODULE_MALFORMED', `The module is malformed: ${what} at byte ${at}.`, { offset: at })
  }

  u32(): number {
    const { bytes } = this
    let byte = bytes[this.pos++] as number
    if (byte < 0x80) return byte
    let result = byte & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      byte = bytes[this.pos++] as number
      if (shift === 28 && byte > 0x0f) this.fail('integer too large', this.pos - 1)
      result |= (byte & 0x7f) << shift
      if (byte < 0x80) return result >>> 0
    }
    return this.fail('integer representation too long', this.pos - 1)
  }

  #skipLeb(maxBytes: number): void {
    const { bytes } = this
    for (let i = 0; i < maxBytes; i++) if ((bytes[this.pos++] as number) < 0x80) return
    this.fail('integer representation too long', this.pos - 1)
  }

  /** A block type: negative for the empty type (-64) and value types, otherwise a type index. */
  #blockType(): number {
    const byte = this.bytes[this.pos] as number
    if (byte < 0x40) {
      this.pos++
      return byte
    }
    if (byte < 0x80) {
      this.pos++
      if (byte === 0x63 || byte === 0x64) this.#unsupported('typed function references', this.pos - 1)
      if (byte !== 0x40 && !isValType(byte)) this.#unsupported('garbage collection', this.pos - 1)
      return byte - 0x80
    }
    return this.u32()
  }

  #unsupported(feature: string, at: number): never {
    throw new StasisError(
      'STASIS_MODULE_UNSUPPORTED',
      `The module uses ${feature} (byte ${at}), which the pre-linker does not rewrite yet.`,
      { feature, offset: at },
    )
  }

  #refType(): number {
    const byte = this.bytes[this.pos++] as number
    if (byte === ValType.funcref || byte === ValType.externref || byte === ValType.exnref) return byte
    return this.#unsupported(
      byte > 0x60 && byte < 0x80 ? 'garbage collection' : 'typed function references',
      this.pos - 1,
    )
  }

  #memarg(): void {
    const flags = this.u32()
    if (flags & 0x40) this.u32()
    this.#skipLeb(10)
  }

  /** Reads one instruction; false at the end. */
  next(): boolean {
    if (this.pos >= this.end) return false
    const { bytes } = this
    this.at = this.pos
    let op = bytes[this.pos++] as number
    if (op >= 0xfc && op <= 0xfe) {
      const suffix = this.u32()
      const limit = op === 0xfd ? 0x200 : 0x100
      if (suffix >= limit) this.fail(`unknown opcode 0x${op.toString(16)} ${suffix}`)
      op = prefixBase[op as 0xfc | 0xfd | 0xfe] + suffix
    }
    this.op = op
    // By number (`Immediate` in opcodes.ts): a jump table for code that has not been optimised yet, which is what a restore runs.
    switch (immediateOf[op]) {
      case 0: // none
        break
      case 6: // local
      case 2: // label
      case 4: // func
      case 7: // global
      case 8: // table
      case 27: // tag
      case 10: // memory
        this.a = this.u32()
        break
      case 17: // data
      case 20: // elem
        this.a = this.u32()
        this.b = 0
        break
      case 9: // memarg
        this.#memarg()
        break
      case 11: // i32
        this.a = this.pos
        this.#skipLeb(5)
        break
      case 12: // i64
        this.a = this.pos
        this.#skipLeb(10)
        break
      case 1: // block
        this.a = this.#blockType()
        break
      case 5: // indirect
      case 16: // dataMemory
      case 18: // memoryMemory
      case 19: // elemTable
      case 21: // tableTable
        this.a = this.u32()
        this.b = this.u32()
        break
      case 13: // f32
        this.pos += 4
        break
      case 14: // f64
        this.pos += 8
        break
      case 3: // labels
        this.count = this.u32()
        if (this.count > this.end - this.pos) this.fail('branch table longer than the function')
        this.a = this.pos
        for (let i = this.count; i >= 0; i--) this.#skipLeb(5)
        break
      case 15: // refType
        this.a = this.#refType()
        break
      case 22: // lane
      case 28: // byte
        this.pos++
        break
      case 23: // memargLane
        this.#memarg()
        this.pos++
        break
      case 24: // bytes16
        this.pos += 16
        break
      case 25: // types
        this.count = this.u32()
        if (this.count !== 1) this.fail('select with other than one type')
        this.a = bytes[this.pos] as number
        if (!isValType(this.a)) this.#unsupported('typed function references', this.pos)
        this.pos++
        break
      case 26: // tryTable
        this.a = this.#blockType()
        this.count = this.u32()
        if (this.count > this.end - this.pos) this.fail('catch list longer than the function')
        this.b = this.pos
        for (let i = 0; i < this.count; i++) {
          const clause = bytes[this.pos++] as number
          if (clause > 3) this.fail('unknown catch clause', this.pos - 1)
          if (clause < 2) this.u32()
          this.u32()
        }
        break
      default:
        this.#unknown(op)
    }
    if (this.pos > this.end) this.fail('instruction runs past the end of the function')
    return true
  }

  #unknown(op: number): never {
    if (op === 0x14 || op === 0x15 || op === 0xd3 || op === 0xd4 || op === 0xd5 || op === 0xd6)
      this.#unsupported('typed function references', this.at)
    if (op === 0xfb) this.#unsupported('garbage collection', this.at)
    return this.fail(`unknown opcode 0x${op.toString(16)}`)
  }
}

export function isValType(byte: number): byte is ValType {
  return (
    (byte >= 0x7b && byte <= 0x7f) || byte === ValType.funcref || byte === ValType.externref || byte === ValType.exnref
  )
}

/** Local declarations of a function body: expands nothing, so that "four billion locals" cost nothing to refuse. */
export function readLocals(cursor: CodeCursor, params: readonly ValType[]): ValType[] {
  const types: ValType[] = params.slice()
  for (let groups = cursor.u32(); groups > 0; groups--) {
    const count = cursor.u32()
    const type = localType(cursor)
    if (types.length + count > maxLocals) cursor.fail('too many locals')
    for (let i = 0; i < count; i++) types.push(type)
  }
  return types
}

/** Moves past the local declarations without listing them. */
export function skipLocals(cursor: CodeCursor): void {
  for (let groups = cursor.u32(); groups > 0; groups--) {
    cursor.u32()
    localType(cursor)
  }
}

/** Types of more than one byte are refused here, since what follows them could not be found. */
function localType(cursor: CodeCursor): ValType {
  cursor.at = cursor.pos
  const type = cursor.bytes[cursor.pos++] as number
  if (isValType(type)) return type
  throw new StasisError(
    'STASIS_MODULE_UNSUPPORTED',
    `The module uses typed function references (a local at byte ${cursor.at}), which the pre-linker does not rewrite yet.`,
    { feature: 'typed function references', offset: cursor.at },
  )
}

/** V8 and SpiderMonkey both stop at 50,000 locals. */
const maxLocals = 50_000

export function mnemonic(op: number): string {
  return opcodes[op]?.name ?? (immediateOf[op] === unknownOpcode ? `unknown 0x${op.toString(16)}` : 'unknown')
}

export const emptyBlock = -64

/** Is this the `end` that closes a function or block, or something that begins one? Used to track nesting. */
export function opensBlock(op: number): boolean {
  return op === Op.block || op === Op.loop || op === Op.if || op === Op.try || op === Op.tryTable
}
