import type { CarriedFiles } from '../../wasm-shim/wasi/carried.ts'
import type { InstanceState, StackState } from '../engine/engine.ts'

/** A checkpoint as data: everything needed to go on from one instant (D5). */
export interface Checkpoint {
  readonly session: { readonly name: string; readonly id: string }
  /** Why it was taken: 'request', 'signal', 'call', 'first-stdin', 'idle', 'interval', 'torture', ... */
  readonly cause: string
  readonly label?: string
  /** Milliseconds since the epoch, by the host's clock. */
  readonly time: number
  readonly module: { readonly sha256: string; readonly size: number; readonly name: string }
  /** Pre-linker version and options that decide the site numbers. */
  readonly prelink: { readonly version: number; readonly polls: 'none' | 'default' | 'all' }
  /** Number of intercepted calls made so far: the position in the call log. */
  readonly calls: number
  readonly instances: readonly InstanceState[]
  readonly stacks: readonly StackState[]
  /** The kernel's own encoding of its state. */
  readonly kernel: Uint8Array
  /** Files of the host that it carries. Absent where the session has no directory of the host, and in older images. */
  readonly files?: CarriedFiles
  /** What was taken from stdin and not read by the guest, which gets it first. Absent where that is nothing. */
  readonly input?: Uint8Array
  /** What the session's terminal has shown last, typed lines included. Absent where there was none, or it is empty. */
  readonly screen?: Uint8Array
}
