import { createBlockingWait } from '../runtime/session/blocking-wait.ts'
import type { ControlBlock } from '../runtime/session/control-block.ts'
import { createBytesInput, createRingInput } from '../runtime/session/input-streams.ts'
import { pooledRandom } from '../runtime/session/random-pool.ts'
import { nanosecondsOf, realtimeOf } from '../runtime/session/realtime.ts'
import { StdinRing } from '../runtime/session/stdin-ring.ts'
import type { Turns } from '../runtime/session/turns.ts'
import { Errno } from '../wasm-shim/wasi/errno.ts'
import type { Host, HostClocks, HostStream } from '../wasm-shim/wasi/host.ts'
import type { PostedInput } from './posted-input.ts'
import type { WorkerSetup } from './worker-messages.ts'
import type { WorkerPort } from './worker-port.ts'

/** A browser tells the time in steps of 5 to 20 µs, coarser where the page is not isolated. */
export function createClocks(): HostClocks {
  // In two parts, since the nanoseconds of a whole day are no exact double.
  const monotonic = () => nanosecondsOf(performance.now())
  const now = nanosecondsOf(performance.timeOrigin) + monotonic()
  const resolution = resolutionOf(monotonic)
  return {
    realtime: realtimeOf(monotonic, now, () => Date.now()),
    monotonic,
    // A page is not told what processor time it takes.
    cpuTime: monotonic,
    resolution: () => resolution,
  }
}

/** The smallest step of the clock that some tries show. */
function resolutionOf(clock: () => bigint): bigint {
  let least = 1_000_000n
  for (let tries = 0, last = clock(); tries < 64; tries++) {
    const now = clock()
    if (now > last && now - last < least) least = now - last
    last = now
  }
  return least
}

export interface WorkerHostParts {
  readonly setup: Pick<WorkerSetup, 'stdin' | 'terminal'>
  readonly port: WorkerPort
  readonly posted: PostedInput
  readonly clocks: HostClocks
  readonly control: ControlBlock
  /** How to wait where no memory is shared. */
  readonly turns: Turns | undefined
  /** Told how many bytes of stdin the guest has read. */
  readonly onRead: (bytes: number) => void
}

/** The browser's clocks, entropy and streams for the worker in which the guest runs. */
export function createWorkerHost({ setup, port, posted, clocks, control, turns, onRead }: WorkerHostParts): Host {
  const stdin = counted(createInput(setup, posted), onRead)
  const readable = () => stdin.readable()
  return {
    clocks,
    random: pooledRandom((pool) => crypto.getRandomValues(pool)),
    stdin,
    stdout: createOutput(1, setup, port),
    stderr: createOutput(2, setup, port),
    wait: turns === undefined ? createBlockingWait(control, clocks.monotonic, readable) : turns.wait(readable),
  }
}

function counted(stream: HostStream, onRead: (bytes: number) => void): HostStream {
  return {
    ...stream,
    read: (target) => {
      const count = stream.read(target)
      if (count !== undefined && count > 0) onRead(count)
      return count
    },
  }
}

const nothing = new Uint8Array(0)

function createInput({ stdin, terminal }: WorkerHostParts['setup'], posted: PostedInput): HostStream {
  const kind = terminal ? 'tty' : 'pipe'
  switch (stdin.kind) {
    case 'ring':
      return createRingInput(new StdinRing(stdin.ring), kind)
    case 'posted':
      return posted.stream(kind)
    case 'bytes':
      return createBytesInput(stdin.bytes, kind)
    case 'empty':
      return createBytesInput(nothing, terminal ? 'tty' : 'null')
  }
}

function createOutput(fd: 1 | 2, { terminal }: WorkerHostParts['setup'], port: WorkerPort): HostStream {
  return {
    kind: terminal ? 'tty' : 'pipe',
    read: () => -Errno.EBADF,
    readable: () => 0,
    write: (source) => {
      port.postBytes('output', { fd, bytes: source.slice() })
      return source.length
    },
  }
}
