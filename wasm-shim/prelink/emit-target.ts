import type { ByteWriter } from '../bytes/writer.ts'
import type { WasmModule } from '../module/model.ts'
import type { Helpers } from './helpers.ts'
import type { AddedParts } from './parts.ts'

/** The module that function code is written for: the main one, or one of continuations. */
export interface EmitTarget {
  readonly module: WasmModule
  readonly encoding: 'legacy' | 'exnref'
  /** Index of our tag. */
  readonly unwindTag: number
  readonly parts: AddedParts
  readonly helpers: Helpers
  /** Function to call at a poll. */
  readonly poll: () => number
  /** Global that remembers that a segment was dropped. */
  readonly dropFlag: (op: number, segment: number) => number
  /** Absent in the main module, whose numbers stay. */
  readonly renumber?: {
    /** Writes `call` or `return_call` of one of the main module's functions. */
    readonly call: (out: ByteWriter, op: number, func: number) => void
    readonly refFunc: (out: ByteWriter, index: number) => void
    /** Writes the call of the main module's helper for an instruction on its segments. */
    readonly segment: (out: ByteWriter, op: number, a: number, b: number) => void
  }
}
