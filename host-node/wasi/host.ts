import { fstatSync } from 'node:fs'
import { FirstInput } from '../../runtime/session/first-input.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import type { Host } from '../../wasm-shim/wasi/host.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { createClocks } from '../clocks.ts'
import { openDirectory } from '../directory.ts'
import { failureOf } from '../errno.ts'
import { createRandom } from '../random.ts'
import { createOutput } from '../streams.ts'
import { createDirectInput, createDirectWait, type DirectInput } from './input.ts'
import { initFailed } from './node-errors.ts'
import type { Settings } from './options.ts'

export interface OpenedKernel {
  readonly kernel: Kernel
  /** A copy of what was taken from stdin and not read by the guest. */
  unread(): Uint8Array
  /** Gives back what was opened of this process. */
  close(): void
}

/**
 * A kernel for the caller's thread, or one that goes on from a checkpoint. Throws what node:wasi does for a directory or
 * descriptor that cannot be used, and what `Kernel.restore` does.
 */
export function openKernel({ args, env, preopens, stdio }: Settings, from?: RestoredKernel): OpenedKernel {
  for (const fd of stdio) checkDescriptor(fd)
  const input = createDirectInput(stdio[0])
  const first = new FirstInput(from?.input ?? new Uint8Array(0))
  const mounts: Mount[] = []
  const close = () => {
    input.close()
    for (const { fs } of mounts) fs.close?.()
  }
  try {
    for (const [guest, source] of preopens) {
      mounts.push({ guest, source, kind: 'host', readOnly: false, fs: openPreopen(guest, source) })
    }
    const host = first.before(createHost(input, stdio))
    const kernel =
      from === undefined
        ? Kernel.create({ args, env, mounts }, host)
        : Kernel.restore(from.state, { ...grantsOf(host, from), mounts }, host)
    return {
      kernel,
      unread: () => Buffer.concat([first.rest, input.stream.unread?.() ?? new Uint8Array(0)]),
      close: () => {
        kernel.close()
        close()
      },
    }
  } catch (error) {
    close()
    throw error
  }
}

/** The kernel's part of a checkpoint. */
export interface RestoredKernel {
  readonly state: Uint8Array
  readonly input: Uint8Array | undefined
  readonly allowChangedFiles: boolean
}

const grantsOf = (host: Host, { allowChangedFiles }: RestoredKernel) => ({
  allowChangedFiles,
  memoryFileSystem: (saved: Uint8Array | undefined) =>
    saved === undefined
      ? MemoryFileSystem.create(host.clocks.realtime)
      : MemoryFileSystem.restore(saved, host.clocks.realtime),
})

function createHost(input: DirectInput, stdio: Settings['stdio']): Host {
  const clocks = createClocks()
  return {
    clocks,
    random: createRandom(),
    stdin: input.stream,
    stdout: createOutput(stdio[1]),
    stderr: createOutput(stdio[2]),
    wait: createDirectWait(clocks.monotonic, input),
  }
}

function checkDescriptor(fd: number): void {
  try {
    fstatSync(fd)
  } catch (cause) {
    throw failed(cause, `descriptor ${fd} is not open`)
  }
}

function openPreopen(guest: string, source: string) {
  try {
    return openDirectory(source)
  } catch (error) {
    const cause = isStasisError(error) ? error.cause : error
    throw failed(cause, `the directory "${source}" for "${guest}" cannot be opened`)
  }
}

function failed(cause: unknown, what: string): Error {
  const errno = -failureOf(cause)
  const [name = 'EIO'] = Object.entries(Errno).find(([, number]) => number === errno) ?? []
  return initFailed(errno, name, what, cause)
}
