/** The guest's thread: `runtime/session/guest.ts` with Node's directories, clocks and streams. Started by spawn.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { createInstrumentedEngine } from '../runtime/engine/instrumented.ts'
import { type GuestThread, serveGuest } from '../runtime/session/guest.ts'
import type { Message, ToGuest } from '../runtime/session/messages.ts'
import { loadFunctions } from '../runtime/session/own-functions.ts'
import { lastLines } from '../runtime/session/screen.ts'
import { invariant, StasisError } from '../wasm-shim/errors.ts'
import type { HostStream } from '../wasm-shim/wasi/host.ts'
import { openDirectory } from './directory.ts'
import { createNodeHost } from './host.ts'
import { openLog } from './open-log.ts'
import { continuationsCached, prelinkCached } from './prelink-cache.ts'
import { Room } from './room.ts'
import type { OutputMessage, WorkerSetup } from './spawn.ts'
import { createOutput } from './streams.ts'
import { buildIdentity } from './worker-file.ts'

/** Deep enough to tell where a program trapped; V8's default of 10 shows the innermost calls only. */
Error.stackTraceLimit = 50

const port = parentPort
invariant(port !== null, 'the worker is started as one')
const setup = workerData as WorkerSetup
const room = new Room(setup.room)
const stderr = setup.ownStderr ? createOutput(2) : createRelay(2)

// Messages wait until this module has been evaluated; what is wrong with the functions is told when they are linked.
const linkFunction = await loadFunctions(setup.imports).catch((error: unknown) => () => {
  throw error
})

const thread: GuestThread = {
  createHost: (control) =>
    createNodeHost({
      control,
      stdin: setup.stdin,
      ...(setup.ownStdout ? {} : { stdout: createRelay(1) }),
      stderr,
    }),
  openDirectory: (path, readOnly) => openDirectory(path, { readOnly }),
  prepare: (module, polls) => {
    const cached = [module, polls, buildIdentity(), setup.cacheDirectory] as const
    const prelinked = compile(prelinkCached(...cached))
    const continuations = continuationsCached(...cached)
    return (options) =>
      createInstrumentedEngine({ module: prelinked, original: () => module.bytes, continuations, options })
  },
  openLog,
  showCall: (line) => {
    const bytes = new TextEncoder().encode(`${line}\n`)
    stderr.write(bytes)
  },
  linkFunction,
  showScreen: (bytes, stdout) => stdout.write(lastLines(bytes, setup.rows)),
  stackReserve: setup.stackReserve,
  post: (kind, payload, transfer = []) => port.postMessage({ kind, payload }, transfer),
  hasRoom: (size) => room.has(size),
  allocate: (size) => room.take(size),
}

function compile(bytes: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError('STASIS_MODULE_INVALID', `The pre-linked module does not compile: ${message}.`, {}, { cause })
  }
}

/** Output that the session takes instead of this process. */
function createRelay(fd: 1 | 2): HostStream {
  return {
    kind: setup.terminal ? 'tty' : 'pipe',
    read: () => 0,
    readable: () => 0,
    write: (source) => {
      const bytes = source.slice()
      const message: OutputMessage = { kind: 'output', payload: { fd, bytes } }
      port?.postMessage(message, [bytes.buffer])
      return source.length
    },
  }
}

const handle = serveGuest(thread)
port.on('message', (message: Message<ToGuest>) => handle(message))
