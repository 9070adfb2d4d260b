/** Which code can be reached, while instructions are copied one by one. */
import { Op } from '../module/opcodes.ts'

/** A construct whose label branches may name; `position` as in BodyEmitter.depth. */
export interface Label {
  readonly position: number
  /** Does code that can be reached branch to it? */
  isTarget: boolean
}

const entered = 1
const target = 2
const loop = 4
const ifAlone = 8

/** A branch to a loop does not reach its end; the end of an `if` without `else` is reached whenever the `if` is. */
export class Reachability {
  /** Can the next instruction be reached? */
  isLive = true
  /** Flags of the constructs open since the copy began. */
  readonly #open: number[] = []

  open(op: number): void {
    this.#open.push((this.isLive ? entered : 0) | (op === Op.loop ? loop : 0) | (op === Op.if ? ifAlone : 0))
  }

  branch(label: number): void {
    const at = this.#open.length - 1 - label
    if (this.isLive) this.#open[at] = (this.#open[at] as number) | target
  }

  /** At `else`, `catch` and `catch_all`, also of the construct in which the copy began. */
  nextPart(): void {
    const flags = this.#open.pop()
    if (flags !== undefined) this.#open.push((flags & ~ifAlone) | (this.isLive ? target : 0))
    this.isLive = flags === undefined || (flags & entered) !== 0
  }

  close(): void {
    const flags = this.#open.pop() as number
    const isTarget = (flags & (target | loop)) === target
    const isSkipped = (flags & (ifAlone | entered)) === (ifAlone | entered)
    this.isLive ||= isTarget || isSkipped
  }

  /** Behind an instruction that never goes on to the next one. */
  leave(): void {
    this.isLive = false
  }
}
