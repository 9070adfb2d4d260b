import type { Host, WaitCondition } from '../../wasm-shim/wasi/host.ts'
import type { ControlBlock } from './control-block.ts'

/**
 * Atomics.wait comes back 60 to 120 µs late (Linux's timer slack, and waking a thread). The last part of a wait is
 * spent looking at the clock instead, so that a millisecond is one.
 */
const spun = 100_000n
/** Longest single sleep. The wait goes on after it; it bounds what a clock that is wrong or was set can do. */
const longestSleep = 3_600_000

/** `Host.wait` for the guest's thread: sleeps on the control block's wake counter. */
export function createBlockingWait(
  control: ControlBlock,
  monotonic: () => bigint,
  readable: () => number | undefined,
): Host['wait'] {
  return ({ timeout, stdin }: WaitCondition) => {
    const deadline = timeout === undefined ? undefined : monotonic() + timeout
    for (;;) {
      const since = control.wakeCount
      if (control.isRequested) return 'interrupted'
      if (stdin && readable() !== undefined) return 'ready'
      if (deadline === undefined) control.sleep(since, longestSleep)
      else {
        const left = deadline - monotonic()
        if (left <= 0n) return 'timeout'
        if (left > spun) control.sleep(since, Math.min(longestSleep, Number(left - spun) / 1e6))
      }
    }
  }
}
