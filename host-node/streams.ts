import { fstatSync, readSync, statSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { Errno } from '../wasm-shim/wasi/errno.ts'
import type { HostStream, StreamKind } from '../wasm-shim/wasi/host.ts'
import { attempt, failureOf } from './errno.ts'

/** What a descriptor of this process is open on; 'null' also when it is closed. */
export function streamKind(fd: number): StreamKind {
  if (isatty(fd)) return 'tty'
  const stat = attempt(() => fstatSync(fd))
  if (typeof stat === 'number') return 'null'
  if (stat.isFile() || stat.isDirectory()) return 'file'
  if (!stat.isCharacterDevice()) return 'pipe'
  const device = attempt(() => statSync('/dev/null'))
  return typeof device === 'object' && device.rdev === stat.rdev ? 'null' : 'pipe'
}

/** Until a full pipe is looked at again. */
const retryMilliseconds = 1

/** stdout or stderr, written from the guest's thread: nothing waits for the serving thread's event loop. */
export function createOutput(fd: number): HostStream {
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  return {
    kind: streamKind(fd),
    read: () => -Errno.EBADF,
    readable: () => 0,
    write: (source) => {
      let done = 0
      for (;;) {
        try {
          done += writeSync(fd, source, done, source.length - done, null)
          if (done >= source.length) return done
        } catch (error) {
          const failure = failureOf(error)
          if (failure !== -Errno.EAGAIN) return done > 0 ? done : failure
          // The serving thread may have made the pipe non-blocking for all of the process.
          Atomics.wait(sleeper, 0, 0, retryMilliseconds)
        }
      }
    },
  }
}

/**
 * A regular file as stdin: never waits. It is read at the descriptor's own position, so that whoever shares it (a shell
 * script's next command) goes on where the guest stopped.
 */
export function createFileInput(fd: number): HostStream {
  let consumed = 0
  return {
    kind: 'file',
    read: (target) => {
      const count = attempt(() => readSync(fd, target, 0, target.length, null))
      if (count > 0) consumed += count
      return count
    },
    readable: () => {
      const stat = attempt(() => fstatSync(fd))
      return typeof stat === 'number' ? 0 : Math.max(0, stat.size - consumed)
    },
    write: () => -Errno.EBADF,
  }
}
