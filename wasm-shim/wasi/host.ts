/**
 * The capabilities a host grants to the kernel. Time, randomness, waiting and terminals come from here and from nowhere
 * else; a checkpoint contains none of them (D14).
 */

export interface HostClocks {
  /** Nanoseconds since the Unix epoch. */
  realtime(): bigint
  /** Nanoseconds since an arbitrary fixed point of this host; never runs back within one process. */
  monotonic(): bigint
  /** Nanoseconds of processor time of this process or thread. */
  cpuTime(): bigint
  /** Granularity in nanoseconds of realtime and monotonic. */
  resolution(): bigint
}

export type StreamKind = 'tty' | 'pipe' | 'file' | 'null'

/** stdin, stdout or stderr. Results are counts, or a WASI errno negated. */
export interface HostStream {
  readonly kind: StreamKind
  /**
   * Bytes read into `target`; 0 at the end of the stream; undefined when nothing is there yet, in which case the kernel
   * waits with `Host.wait` and tries again. Consumes nothing unless it returns a count above 0.
   */
  read(target: Uint8Array): number | undefined
  /** Bytes that can be read at once; undefined when none are there and the stream has not ended. */
  readable(): number | undefined
  /** A copy of what was taken from stdin's source and not read: it goes with a checkpoint. Absent where nothing is. */
  unread?(): Uint8Array
  /** Writes all of `source`, blocking as needed, and returns its length. */
  write(source: Uint8Array): number
}

export interface WaitCondition {
  /** Nanoseconds from now after which to stop waiting; absent to wait without limit. */
  readonly timeout?: bigint
  /** Wake when stdin has bytes or has ended. */
  readonly stdin: boolean
}

export interface Host {
  readonly clocks: HostClocks
  /** Fills `target` with cryptographically strong random bytes. */
  readonly random: (target: Uint8Array) => void
  readonly stdin: HostStream
  readonly stdout: HostStream
  readonly stderr: HostStream
  /**
   * Blocks until the condition holds ('ready'), its time has passed ('timeout'), or somebody wants a checkpoint
   * ('interrupted'): then the kernel throws WaitInterrupted and the call is made again after the checkpoint.
   */
  wait(condition: WaitCondition): 'ready' | 'timeout' | 'interrupted'
}

/** proc_exit was called: not an error. */
export class ExitSignal {
  readonly kind = 'exit'
  readonly code: number
  constructor(code: number) {
    this.code = code
  }
}

/** A blocking call gave way to a checkpoint request, having consumed nothing. */
export class WaitInterrupted {
  readonly kind = 'wait-interrupted'
}
