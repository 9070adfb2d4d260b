import { closeSync, constants, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import type { Host, HostStream, StreamKind, WaitCondition } from '../../wasm-shim/wasi/host.ts'
import { attempt } from '../errno.ts'
import { createFileInput, streamKind } from '../streams.ts'

/** A standard input in the thread that reads it, with no event loop to help. */
export interface DirectInput {
  readonly stream: HostStream
  /** Blocks until there is a byte or the end. */
  await(): void
  /** Leaves the descriptor itself open. */
  close(): void
}

const sleeper = new Int32Array(new SharedArrayBuffer(4))
const sleep = (milliseconds: number): void => {
  Atomics.wait(sleeper, 0, 0, milliseconds)
}
/** Between two looks at a descriptor that cannot be waited for. */
const lookEvery = 1

/**
 * Reads a descriptor of this process as node:wasi does: a read of the guest is a read of the descriptor, which blocks. Only a
 * poll takes something ahead, one byte: there is no other way to see that there is one.
 */
export function createDirectInput(fd: number): DirectInput {
  const kind = streamKind(fd)
  if (kind === 'file') return { stream: createFileInput(fd), await: () => undefined, close: () => undefined }
  const input = new BlockingInput(fd, kind)
  return { stream: input, await: () => input.await(), close: () => input.close() }
}

class BlockingInput implements HostStream {
  readonly kind: StreamKind
  readonly #fd: number
  /** The same pipe or terminal, or the descriptor itself, by which reading never blocks; undefined where there is none. */
  #quick: number | undefined
  #isOpened = false
  #isSettled = false
  readonly #ahead = new Uint8Array(1)
  #hasAhead = false

  constructor(fd: number, kind: StreamKind) {
    this.#fd = fd
    this.kind = kind
  }

  read(target: Uint8Array): number | undefined {
    if (!this.#hasAhead) return this.#take(target)
    target[0] = this.#ahead[0]!
    this.#hasAhead = false
    const rest = target.length > 1 && this.#quick !== undefined ? this.#take(target.subarray(1)) : 0
    return rest !== undefined && rest > 0 ? rest + 1 : 1
  }

  readable(): number | undefined {
    if (this.#hasAhead) return 1
    this.#settle()
    return this.#keep(this.#take(this.#ahead))
  }

  unread(): Uint8Array {
    return this.#ahead.slice(0, this.#hasAhead ? 1 : 0)
  }

  write(): number {
    return -Errno.EBADF
  }

  await(): void {
    while (!this.#hasAhead && this.#keep(this.#read(this.#fd, this.#ahead)) === undefined) sleep(lookEvery)
  }

  #keep(count: number | undefined): number | undefined {
    if (count !== undefined && count > 0) this.#hasAhead = true
    // What is wrong with the descriptor comes out when it is read.
    return count === undefined ? undefined : Math.max(0, count)
  }

  close(): void {
    if (this.#quick !== undefined && this.#quick !== this.#fd) closeSync(this.#quick)
  }

  #take(target: Uint8Array): number | undefined {
    if (!this.#isOpened) {
      this.#isOpened = true
      this.#quick = openQuick(this.#fd)
    }
    return this.#read(this.#quick ?? this.#fd, target)
  }

  #read(fd: number, target: Uint8Array): number | undefined {
    const count = attempt(() => readSync(fd, target, 0, target.length, null))
    return count === -Errno.EAGAIN ? undefined : count
  }

  /**
   * A socket, which Node gives to its child processes for a pipe, cannot be opened again. It is made non-blocking by an object
   * of Node that reads nothing; node:wasi does the same to what it polls. Where that fails too a poll blocks as a read does.
   */
  #settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#isOpened = true
    this.#quick ??= openQuick(this.#fd) ?? (makeNonBlocking(this.#fd) ? this.#fd : undefined)
  }
}

function openQuick(fd: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  const opened = attempt(() => openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK))
  return opened < 0 ? undefined : opened
}

/** Kept, since closing one would close its descriptor. */
const holders = new Map<number, Socket>()

function makeNonBlocking(fd: number): boolean {
  if (holders.has(fd)) return true
  try {
    const holder = new Socket({ fd, readable: false, writable: false })
    holders.set(fd, holder.unref())
    return true
  } catch {
    return false
  }
}

/** Atomics.wait comes back up to 120 µs late: the last part is spent looking at the clock (see runtime/session/blocking-wait.ts). */
const spun = 100_000n
const longestSleep = 3_600_000

/** `Host.wait` where nobody can interrupt. */
export function createDirectWait(monotonic: () => bigint, input: DirectInput): Host['wait'] {
  return ({ timeout, stdin }: WaitCondition) => {
    const deadline = timeout === undefined ? undefined : monotonic() + timeout
    for (;;) {
      if (stdin && input.stream.readable() !== undefined) return 'ready'
      if (deadline === undefined) {
        if (stdin) input.await()
        else sleep(longestSleep)
        continue
      }
      const left = deadline - monotonic()
      if (left <= 0n) return 'timeout'
      const most = stdin ? lookEvery : longestSleep
      if (left > spun) sleep(Math.min(most, Number(left - spun) / 1e6))
    }
  }
}
