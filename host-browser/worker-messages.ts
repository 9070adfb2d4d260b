/**
 * What a page and the worker of its guest tell each other beside the session's messages (runtime/session/messages.ts). The
 * first message is 'setup'; everything from the worker is handled in order, and what follows a piece of log only once that
 * is in the store, so that no effect leaves the session before (D9).
 */
import type { Message } from '../runtime/session/messages.ts'
import type { PollMode } from '../wasm-shim/prelink/index.ts'

export type StdinSetup =
  | { readonly kind: 'ring'; readonly ring: SharedArrayBuffer }
  /** By messages. */
  | { readonly kind: 'posted' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'empty' }

/** A piece of log that is to be replayed, whole in memory. */
export interface TailSegment {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface WorkerSetup {
  readonly stdin: StdinSetup
  /** stdin, stdout and stderr are a terminal. */
  readonly terminal: boolean
  /** Bytes on their way to the page, to be waited for where they become too many. Absent where no memory is shared. */
  readonly flow?: SharedArrayBuffer
  /** Keep pre-linked modules. */
  readonly cache: boolean
  /** Input behind what the checkpoint carries. */
  readonly typedBehind: Uint8Array
  /** URLs of ES modules by the name that the guest imports from. */
  readonly imports: Readonly<Record<string, string>>
  readonly tail: readonly TailSegment[]
  readonly chunks: readonly { readonly address: string; readonly bytes: Uint8Array }[]
}

export interface ToWorker {
  /** Before 'setup': the pre-linked module that will be wanted, to be compiled meanwhile if it is in the cache. */
  readonly prepare: { readonly sha256: string; readonly polls: PollMode }
  readonly setup: WorkerSetup
  /** Bytes for stdin; none: its end. */
  readonly input: { readonly bytes: Uint8Array }
  /** So many bytes of log and output were taken care of. */
  readonly taken: { readonly bytes: number }
}

export interface FromWorker {
  /** The first message: those sent to the worker before would be lost while its modules are evaluated. */
  readonly loaded: Record<never, never>
  readonly output: { readonly fd: 1 | 2; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Bytes of stdin received since the beginning, and whether more are wanted. */
  readonly input: { readonly received: number; readonly wanted: boolean }
  /**
   * Before 'captured': of the input that came here, the guest has read so many bytes, less than none where it has not read
   * all of what was there before.
   */
  readonly inputRead: { readonly bytes: number }
  /** The guest waits, or goes on: told where no memory is shared. */
  readonly resting: { readonly isResting: boolean }
  /** Bytes at `at` of a segment; what stood there and behind goes. */
  readonly logAppend: { readonly segment: string; readonly at: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** A segment is gone on with after its first `bytes`; what stands behind is kept under another name. */
  readonly logOpen: { readonly segment: string; readonly bytes: number }
  readonly logSetAside: { readonly segment: string }
  /** A payload that the segment needs. */
  readonly logChunk: { readonly segment: string; readonly address: string; readonly bytes: Uint8Array<ArrayBuffer> }
  /** For the cache of pre-linked modules and continuations. */
  readonly cache: { readonly key: string; readonly bytes: Uint8Array<ArrayBuffer> }
}

export type PageMessage = Message<ToWorker>
export type WorkerMessage = Message<FromWorker>

/** The part of a worker's global scope that is used. */
export interface WorkerScope {
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void
  onmessage: ((event: { readonly data: unknown }) => void) | null
}
