/**
 * The operand stack while a function is planned: types, and where each value was produced. An operand that lies under a
 * call's arguments is out of reach in a handler, so it is copied into a spill local right where it is produced
 * (`local.tee`, free after register allocation). One spill local per type and stack height.
 */
import type { ValType } from '../module/model.ts'
import { IntList } from './int-list.ts'

/** Values that one instruction leaves on the stack and that must be spilled: locals from the lowest to the top. */
export interface Spill {
  /** Offset behind the instruction. */
  readonly pos: number
  readonly locals: readonly number[]
}

/** Several results of one instruction: they are spilled together. */
interface Group {
  readonly pos: number
  readonly base: number
  readonly types: readonly ValType[]
  marked: boolean
}

/** Saved parameters of an `if`, which its `else` finds again. */
export type Operands = readonly (readonly [typeAndGroup: number, posAndMark: number])[]

export class OperandStack {
  /** type | (group + 1) << 8 */
  readonly #values = new IntList()
  /** place of production << 1 | already spilled; modules end below 2^30 bytes */
  readonly #places = new IntList()
  #groups: Group[] = []
  #spills: Spill[] = []
  #spillLocals = new Map<number, number>()
  #locals: ValType[] = []
  /** Offset behind the current instruction. */
  pos = 0

  /** Spill locals are added to `locals`. */
  start(locals: ValType[]): void {
    this.truncate(0)
    this.#locals = locals
    if (this.#spillLocals.size > 0) this.#spillLocals = new Map()
    if (this.#spills.length > 0) this.#spills = []
    if (this.#groups.length > 0) this.#groups = []
  }

  get height(): number {
    return this.#values.length
  }

  type(height: number): number {
    return this.#values.at(height) & 0xff
  }

  push(type: number): void {
    this.#values.push(type)
    this.#places.push(this.pos << 1)
  }

  pushAll(types: readonly ValType[]): void {
    if (types.length === 1) this.push(types[0] as number)
    if (types.length < 2) return
    this.#groups.push({ pos: this.pos, base: this.height, types, marked: false })
    for (const type of types) this.push(type | (this.#groups.length << 8))
  }

  truncate(height: number): void {
    this.#values.length = height
    this.#places.length = height
  }

  pop(count: number): void {
    this.truncate(this.height - count)
  }

  top(count: number): Operands {
    return Array.from({ length: count }, (_, i) => {
      const height = this.height - count + i
      return [this.#values.at(height), this.#places.at(height)]
    })
  }

  pushAgain(operands: Operands): void {
    for (const [value, place] of operands) {
      this.#values.push(value)
      this.#places.push(place)
    }
  }

  /** Has the operand at `height` spilled, and returns its local. */
  spill(height: number): number {
    const place = this.#places.at(height)
    const local = this.#spillLocal(this.type(height), height)
    if ((place & 1) === 1) return local
    this.#places.set(height, place | 1)
    const group = this.#groups[(this.#values.at(height) >>> 8) - 1]
    if (group === undefined) this.#spills.push({ pos: place >>> 1, locals: [local] })
    else if (!group.marked) {
      group.marked = true
      this.#spills.push({
        pos: group.pos,
        locals: group.types.map((type, i) => this.#spillLocal(type, group.base + i)),
      })
    }
    return local
  }

  #spillLocal(type: number, height: number): number {
    const key = height * 0x80 + type
    const known = this.#spillLocals.get(key)
    if (known !== undefined) return known
    const local = this.#locals.push(type as ValType) - 1
    this.#spillLocals.set(key, local)
    return local
  }

  /** All spills, by position, without the repetitions that `if` and `else` with parameters can cause. */
  takeSpills(): readonly Spill[] {
    const spills = this.#spills
    if (spills.length < 2) return spills
    spills.sort((x, y) => x.pos - y.pos || (x.locals[0] as number) - (y.locals[0] as number))
    return spills.filter((spill, i) => {
      const last = spills[i - 1]
      return last === undefined || spill.pos !== last.pos || spill.locals[0] !== last.locals[0]
    })
  }
}
