import type { ControlBlock } from '../../runtime/session/control-block.ts'
import type { Host, HostStream, StreamKind, WaitCondition } from '../../wasm-shim/wasi/host.ts'

export interface TestHostOptions {
  readonly stdin?: Uint8Array | string
  /** Whether stdin stays open behind the given bytes, until `endStdin`. Default false. */
  readonly stdinOpen?: boolean
  /** Default: stdin, stdout and stderr are pipes. */
  readonly kinds?: { readonly stdin?: StreamKind; readonly stdout?: StreamKind; readonly stderr?: StreamKind }
  /** Nanoseconds. Defaults: realtime 2024-01-01T00:00:00Z, monotonic one second. */
  readonly realtime?: bigint
  readonly monotonic?: bigint
  /** Nanoseconds by which every look at a clock moves time on, so that a guest that polls a clock ends. Default 1000. */
  readonly step?: bigint
  /** Of the random bytes. Default 1. */
  readonly seed?: number
  /** Makes `wait` answer 'interrupted' while a request is pending. */
  readonly control?: ControlBlock
}

export interface TestHost extends Host {
  readonly stdoutBytes: () => Uint8Array
  readonly stderrBytes: () => Uint8Array
  readonly stdoutText: () => string
  readonly stderrText: () => string
  /** Moves time on, in nanoseconds. */
  readonly advance: (nanoseconds: bigint) => void
  readonly setRealtime: (nanoseconds: bigint) => void
  readonly feedStdin: (bytes: Uint8Array | string) => void
  readonly endStdin: () => void
  /** Bytes of stdin that the guest has not read. */
  readonly unread: () => Uint8Array
}

/**
 * A host in which nothing depends on the machine: time is virtual and moves only by looking at it, sleeping, or `advance`;
 * random bytes come from a seed; output is kept. Two runs with the same options and calls see the same world.
 */
export function createTestHost(options: TestHostOptions = {}): TestHost {
  const step = options.step ?? 1000n
  let realtime = options.realtime ?? 1_704_067_200_000_000_000n
  let monotonic = options.monotonic ?? 1_000_000_000n
  const advance = (nanoseconds: bigint) => {
    realtime += nanoseconds
    monotonic += nanoseconds
  }

  const stdin = createInput(options)
  const stdout = createOutput(options.kinds?.stdout ?? 'pipe')
  const stderr = createOutput(options.kinds?.stderr ?? 'pipe')

  const wait = (condition: WaitCondition) => {
    if (options.control?.isRequested) return 'interrupted'
    if (condition.stdin && stdin.stream.readable() !== undefined) return 'ready'
    if (condition.timeout === undefined) throw new Error('The guest waits for something that never comes.')
    advance(condition.timeout)
    return 'timeout'
  }

  return {
    clocks: {
      realtime: () => {
        advance(step)
        return realtime
      },
      monotonic: () => {
        advance(step)
        return monotonic
      },
      cpuTime: () => {
        advance(step)
        return monotonic
      },
      resolution: () => 1n,
    },
    random: createRandom(options.seed ?? 1),
    stdin: stdin.stream,
    stdout: stdout.stream,
    stderr: stderr.stream,
    wait,
    stdoutBytes: stdout.bytes,
    stderrBytes: stderr.bytes,
    stdoutText: () => new TextDecoder().decode(stdout.bytes()),
    stderrText: () => new TextDecoder().decode(stderr.bytes()),
    advance,
    setRealtime: (nanoseconds) => {
      realtime = nanoseconds
    },
    feedStdin: stdin.feed,
    endStdin: stdin.end,
    unread: stdin.unread,
  }
}

const EBADF = 8

function createInput(options: TestHostOptions) {
  let bytes = toBytes(options.stdin ?? '')
  let position = 0
  let open = options.stdinOpen ?? false
  const readable = () => (position < bytes.length ? bytes.length - position : open ? undefined : 0)
  const stream: HostStream = {
    kind: options.kinds?.stdin ?? 'pipe',
    readable,
    read: (target) => {
      if (readable() === undefined) return undefined
      const part = bytes.subarray(position, position + target.length)
      target.set(part)
      position += part.length
      return part.length
    },
    write: () => -EBADF,
  }
  return {
    stream,
    feed: (more: Uint8Array | string) => {
      bytes = concat([bytes, toBytes(more)])
    },
    end: () => {
      open = false
    },
    unread: () => bytes.slice(position),
  }
}

function createOutput(kind: StreamKind) {
  const parts: Uint8Array[] = []
  const stream: HostStream = {
    kind,
    read: () => -EBADF,
    readable: () => 0,
    write: (source) => {
      parts.push(source.slice())
      return source.length
    },
  }
  return { stream, bytes: () => concat(parts) }
}

/** xorshift32, whose only fixed point, zero, is avoided. */
function createRandom(seed: number): (target: Uint8Array) => void {
  let state = seed | 0 || 1
  return (target) => {
    for (let index = 0; index < target.length; index++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      target[index] = state & 255
    }
  }
}

function toBytes(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? new TextEncoder().encode(value) : value
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
