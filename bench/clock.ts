import { readFileSync } from 'node:fs'

const sleeper = new Int32Array(new SharedArrayBuffer(4))

export const sleep = (milliseconds: number): void => {
  Atomics.wait(sleeper, 0, 0, milliseconds)
}

function readThreadTime(): number | undefined {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6
  } catch {
    return undefined
  }
}

/** Whether `threadTime` counts the thread's own time and not that of the clock on the wall. */
export const hasThreadTime: boolean = Number.isFinite(readThreadTime())

/**
 * Milliseconds of processor time of this thread, where Linux tells it: what other programs take of the machine does not
 * count, nor does V8's compiling in the background. Elsewhere the time of the clock.
 */
export function threadTime(): number {
  if (!hasThreadTime) return performance.now()
  // The kernel's account is brought up to date when the thread leaves the processor.
  sleep(1)
  return readThreadTime() as number
}

/** The same, late by at most a tick of the kernel (some milliseconds), without giving up the processor. */
export function roughThreadTime(): number {
  return hasThreadTime ? (readThreadTime() as number) : performance.now()
}
