import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { ControlBlock } from '../runtime/session/control-block.ts'
import type { FromGuest, Message } from '../runtime/session/messages.ts'
import type { GuestPort } from '../runtime/session/parts.ts'
import { StdinRing } from '../runtime/session/stdin-ring.ts'
import { feedStdin, type StdinFeed } from './feed-stdin.ts'
import type { StdinSource } from './host.ts'
import { makeRoom } from './room.ts'
import { workerFile } from './worker-file.ts'

export type OutputSink = 'inherit' | ((bytes: Uint8Array) => void)

export interface StreamOptions {
  /**
   * Default: 'inherit', this process's own. What was taken from it and not read by the guest goes with a checkpoint, and
   * comes first after a restore; but for a regular file, which is read at its descriptor's position and no further than
   * the guest reads: whoever restores gives it again, at the position where the guest is to go on.
   */
  readonly stdin?: 'inherit' | 'empty' | Uint8Array | Readable
  /** Default: 'inherit', written by the guest's thread at once. A function is called on this thread, soon after. */
  readonly stdout?: OutputSink
  readonly stderr?: OutputSink
  /** A stream and functions stand for a terminal, and the program is told so. Default false: they are pipes. */
  readonly terminal?: boolean
  /**
   * Lines of what its terminal had shown that are written again where the session goes on. Default: as many as this process's
   * terminal has, or none.
   */
  readonly shownLines?: number
  /**
   * Functions for imports that are not WASI: by the import's module name, the path of an ES module with an export
   * `imports`, which is given `{ memory }` in the guest's thread and returns functions by name. Granted again by whoever
   * restores, as all capabilities are.
   */
  readonly imports?: Readonly<Record<string, string>>
  /** Where pre-linked modules are kept; false for nowhere. Default: the user's cache directory. */
  readonly cache?: string | false
}

/** What the worker is given when it is made. */
export interface WorkerSetup {
  readonly stdin: StdinSource
  readonly ownStdout: boolean
  readonly ownStderr: boolean
  /** What is not this process's own stands for a terminal. */
  readonly terminal: boolean
  readonly cacheDirectory: string | undefined
  readonly stackReserve: number
  /** Lines that are written again. */
  readonly rows: number
  /** URLs of ES modules by the name that the guest imports from. */
  readonly imports: Readonly<Record<string, string>>
  /** Brings memory for checkpoints. */
  readonly room: MessagePort
}

export interface OutputMessage {
  readonly kind: 'output'
  readonly payload: { readonly fd: 1 | 2; readonly bytes: Uint8Array<ArrayBuffer> }
}

/**
 * Megabytes of stack for the guest's thread, of which only what is touched takes memory; wasmtime gives wasm half a
 * megabyte. A thousand nested calls of an interpreter written in C take about one.
 */
const stackSizeMb = 16
/**
 * Bytes that must be free for a capture, so 6 MB may be in use. What was on the stack comes back as continuations, which
 * start in baseline code with frames up to two or three times as large: 16 MB hold 6 MB 2.6 times. To look costs 0.1 ms
 * a megabyte, once a checkpoint.
 */
const stackReserve = 10 * 1024 * 1024

const usualRows = 24

/** Starts a worker thread for one session. */
export function spawnGuest(
  streams: StreamOptions,
  cacheDirectory: string | undefined,
  control: ControlBlock,
  receive: (message: Message<FromGuest>) => void,
  fail: (error: unknown) => void,
): GuestPort {
  const { stdin, feed } = openStdin(streams.stdin ?? 'inherit', streams.terminal ?? false, control)
  const { port1: roomPort, port2: room } = new MessageChannel()
  const setup: WorkerSetup = {
    stdin,
    room,
    ownStdout: typeof streams.stdout !== 'function',
    ownStderr: typeof streams.stderr !== 'function',
    terminal: streams.terminal ?? false,
    cacheDirectory,
    imports: Object.fromEntries(
      Object.entries(streams.imports ?? {}).map(([name, path]) => [name, pathToFileURL(path).href]),
    ),
    stackReserve,
    // A terminal may not know its size, as a serial line does not.
    rows: streams.shownLines ?? (process.stdout.isTTY ? process.stdout.rows || usualRows : 0),
  }
  const worker = new Worker(workerFile(), {
    workerData: setup,
    transferList: [room],
    resourceLimits: { stackSizeMb },
    // Node writes warnings of its own to a worker's stderr; the guest's output does not go through them.
    stdout: false,
    stderr: false,
  })
  worker.on('message', (message: Message<FromGuest> | OutputMessage) => {
    if (message.kind !== 'output') return receive(message)
    const sink = message.payload.fd === 1 ? streams.stdout : streams.stderr
    if (typeof sink === 'function') sink(message.payload.bytes)
  })
  worker.on('error', fail)
  worker.on('exit', (code) => fail(new Error(`it ended with code ${code}`)))
  return {
    post: (kind, payload, transfer = []) => worker.postMessage({ kind, payload }, transfer),
    ...(feed && { holdInput: () => feed.hold(), releaseInput: () => feed.release() }),
    recycle: (buffer) => roomPort.postMessage(buffer, [buffer]),
    makeRoom: async (size) => {
      const buffer = await makeRoom(size)
      roomPort.postMessage(buffer, [buffer])
    },
    terminate: async () => {
      feed?.stop()
      roomPort.close()
      await worker.terminate()
    },
  }
}

function openStdin(
  source: NonNullable<StreamOptions['stdin']>,
  isTerminal: boolean,
  control: ControlBlock,
): { stdin: StdinSource; feed?: StdinFeed } {
  if (source === 'empty') return { stdin: { kind: 'empty' } }
  if (source instanceof Uint8Array) return { stdin: { kind: 'bytes', bytes: source } }
  const ring = new StdinRing()
  const isInherited = source === 'inherit'
  const feed = feedStdin(ring, control, isInherited ? () => process.stdin : source)
  if (isInherited) return { stdin: { kind: 'inherit', ring: ring.buffer }, feed }
  return { stdin: { kind: 'ring', ring: ring.buffer, isTerminal }, feed }
}
