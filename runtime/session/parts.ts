import type { PollMode } from '../../wasm-shim/prelink/index.ts'
import type { Engine } from '../engine/engine.ts'
import type { SessionLock, Store } from '../store/store.ts'
import type { ControlBlock } from './control-block.ts'
import type { SessionEvent } from './events.ts'
import type { Post, ToGuest } from './messages.ts'

/** The thread that the guest runs in, as seen by the session. */
export interface GuestPort {
  readonly post: Post<ToGuest>
  /** Gives a checkpoint's memory back, to be filled again: new memory costs several times the copy. */
  readonly recycle?: (buffer: ArrayBuffer) => void
  /** Gives new memory, of which the first use is not left to the guest's thread. */
  readonly makeRoom?: (size: number) => Promise<void>
  /**
   * Takes nothing more from stdin's source, and gives all that was taken and not read by the guest, which stands still;
   * `taken` is what the guest's thread knows of. Absent, or without a result, where that thread takes its input by itself.
   */
  readonly holdInput?: (taken: Uint8Array) => Uint8Array | undefined
  readonly releaseInput?: () => void
  /** Ends the thread, wherever the guest is. */
  terminate(): Promise<void>
}

/** What a session is made of; `startSession` and `restoreSession` put it together. */
export interface SessionParts {
  readonly name: string
  readonly id: string
  readonly store: Store
  readonly lock: SessionLock
  readonly control: ControlBlock
  readonly module: { readonly bytes: Uint8Array; readonly sha256: string; readonly name: string }
  readonly polls: PollMode
  readonly keep: boolean
  /** Keep the log of a program that has ended, and its checkpoints. */
  readonly keepLog: boolean
  readonly onEvent: (event: SessionEvent) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Lets other work of the thread go first. */
  readonly pause?: () => Promise<void>
  /** Comparison of equally long bytes, where the host has a faster one. */
  readonly equal?: (a: Uint8Array, b: Uint8Array) => boolean
  /** After a checkpoint was saved: removes what is not needed any more. */
  readonly retain?: () => Promise<void>
  /** Notes with which engine the session runs, where that was not known before. */
  readonly keepEngine?: (kind: Engine['kind']) => Promise<void>
  /** Before the session's files are left or removed: ends what else is being done with them. */
  readonly settle?: () => Promise<void>
  /** Of a log that is followed: all of this generation is behind the guest. */
  readonly onCaughtUp?: (generation: number) => void
  /** Its files are still somebody else's, and left as they are. */
  readonly isWaiting?: () => boolean
}
