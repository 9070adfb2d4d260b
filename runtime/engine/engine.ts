import type { StasisError } from '../../wasm-shim/errors.ts'
import type { ImportFunction, ImportSite } from '../intercept/interceptor.ts'

/** How a run of the guest ended. */
export type RunOutcome =
  /** The entry function returned; `value` as the JS API gives it. */
  | { readonly kind: 'returned'; readonly value: unknown }
  /** The guest called proc_exit. */
  | { readonly kind: 'exited'; readonly code: number }
  /**
   * The stack was captured as asked for; the instance's state is intact and can be saved. With `refused` it holds what
   * cannot be saved (D5): it can only be resumed, at once, by the same engine.
   */
  | { readonly kind: 'captured'; readonly stack: StackState; readonly refused?: StasisError }
  | { readonly kind: 'trapped'; readonly error: unknown }

/** A captured stack. Frames from the innermost (last called) to the outermost. */
export interface StackState {
  /** The function the host called: an export's name, or the module's start function. */
  readonly entry: { readonly kind: 'start' } | { readonly kind: 'export'; readonly name: string }
  /** The call that will be made again on resume. */
  readonly call: PendingCall
  readonly frames: readonly Frame[]
}

/** `import` -1 is a loop poll; otherwise a function index below the number of imported functions. */
export interface PendingCall {
  readonly import: number
  /** Arguments as 32-bit words, as in Frame. */
  readonly args: Uint32Array
}

export interface Frame {
  /** Which core instance of the session (0 for preview1), D15. */
  readonly instance: number
  /** Call site number, stable for (module, pre-linker version, poll option). */
  readonly site: number
  /** Live values as 32-bit words, low word first; references as function index + 1, 0 for null. */
  readonly words: Uint32Array
}

/** Everything of one core instance but its stack. */
export interface InstanceState {
  readonly memories: readonly MemoryState[]
  /** Mutable globals and dropped-segment flags as words, in the order of the module. */
  readonly globals: Uint32Array
  /** One entry a mutable table: function index + 1 per element, 0 for null. undefined where the module never changes it. */
  readonly tables: readonly (Uint32Array | undefined)[]
}

export interface MemoryState {
  /** The memory's bytes at the instant; a copy or, where the guest stands still until it is used, a view. */
  readonly bytes: Uint8Array
  /** The memory that `bytes` is a view of, where it is one. */
  readonly memory?: WebAssembly.Memory
}

/** A memory of which only some pages are kept; `bytes` would have to be put together first. */
export interface SparseMemory extends MemoryState {
  /** Bytes of the memory. */
  readonly size: number
  /** Writes the memory into `target`, which has at least `size` bytes; those from `used` on are zero. */
  copyTo(target: Uint8Array, used: number): void
}

export type Entry = StackState['entry']

/** Whether to capture at this call; asked on entry of every intercepted call, before anything is consumed (D4). */
export type CaptureDecision = (site: ImportSite | 'poll') => boolean

export interface EngineOptions {
  /** Resolves one function import to the host's function, interceptors included. Missing ones make instantiation fail. */
  readonly link: (site: ImportSite) => ImportFunction
  /** Imports that are not functions, by module and name. */
  readonly extern?: (module: string, name: string) => unknown
  readonly shouldCapture: CaptureDecision
  /**
   * Told when a capture that was asked for is refused before anything was unwound (host frames between the guest's, a
   * stack too deep to be resumed; anything in a log-only engine). The guest goes on; a pending request has to be
   * withdrawn, or it is asked again. What this throws ends a log-only run before the call is made: 'trapped' with it.
   */
  readonly onRefused?: (error: StasisError) => void
  /** Told when the frames of a resumed stack stand again, before its pending call is made. */
  readonly onResumed?: () => void
  /** Bytes of the thread's stack that must be free for a capture, so that the stack can be resumed (D5). */
  readonly stackReserve?: number
}

/** One way to stop and restart a guest (D12). */
export interface Engine {
  readonly kind: 'instrumented' | 'log-only'
  readonly hasStart: boolean
  /** The first memory, for the kernel; a callback, since growth detaches buffers. */
  memory(): WebAssembly.Memory
  exports(): readonly string[]
  /** Calls an entry function. */
  run(entry: Entry, args?: readonly unknown[]): RunOutcome
  /** Goes on from a captured stack, in this instance or, after `restore`, in a fresh one. */
  resume(stack: StackState): RunOutcome
  /** Views, not copies: the caller copies before it lets the guest go on. */
  save(): InstanceState
  restore(state: InstanceState): void
}
