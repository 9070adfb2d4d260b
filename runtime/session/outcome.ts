import type { TortureCount } from './messages.ts'
import type { SessionFile } from './session-files.ts'

/** A checkpoint that is in the store. */
export interface CheckpointInfo {
  readonly session: string
  readonly version: number
  readonly cause: string
  readonly label?: string
  /** Milliseconds since the epoch. */
  readonly time: number
  /** Calls that the program had made. */
  readonly calls: number
  /** Bytes of the image. */
  readonly size: number
  /** Bytes that it added to the store: pages of earlier versions are referred to. */
  readonly added: number
  /** Milliseconds for which the guest stood still. */
  readonly pause: number
}

/** How a run of a program ended. */
export type Outcome =
  | {
      readonly kind: 'exited'
      readonly code: number
      readonly torture?: TortureCount
      /** Of memory mounts, where `returnFiles` asks for them. */
      readonly files?: readonly SessionFile[]
    }
  | { readonly kind: 'suspended'; readonly checkpoint: CheckpointInfo }
  /**
   * By `stop` without a checkpoint: the log-only engine has none. It is restored by making its `calls` calls again.
   * `unread`: bytes that were taken from stdin and not read, which are lost.
   */
  | { readonly kind: 'stopped'; readonly calls: number; readonly unread?: number }
  /** `error` is a TrapError (with the guest's functions on the stack) or whatever else ended the guest. */
  | { readonly kind: 'trapped'; readonly error: Error; readonly torture?: TortureCount }
