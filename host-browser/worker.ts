/** The guest's worker: `runtime/session/guest.ts` with the browser's clocks, entropy and streams. Started by spawn.ts. */
import { measuredReserve } from '../runtime/engine/stack-probe.ts'
import type { ControlBlock } from '../runtime/session/control-block.ts'
import { type GuestThread, serveGuest } from '../runtime/session/guest.ts'
import type { Captured, Message, ToGuest } from '../runtime/session/messages.ts'
import { loadFunctions } from '../runtime/session/own-functions.ts'
import { packError } from '../runtime/session/packed-error.ts'
import { Turns } from '../runtime/session/turns.ts'
import { invariant, StasisError } from '../wasm-shim/errors.ts'
import { createEventLoop } from './event-loop.ts'
import { PostedInput } from './posted-input.ts'
import { createClocks, createWorkerHost } from './worker-host.ts'
import { WorkerLog } from './worker-log.ts'
import type { PageMessage, WorkerScope, WorkerSetup } from './worker-messages.ts'
import { WorkerPort } from './worker-port.ts'
import { type CompiledEarly, compileEarly, type EngineMaker, type Keep, prepareModule } from './worker-prelink.ts'

/** Deep enough to tell where a program trapped. */
Object.assign(Error, { stackTraceLimit: 50 })

const scope = globalThis as unknown as WorkerScope
/** Bytes of stdin that the guest has read. */
let inputRead = 0
const post: GuestThread['post'] = (kind, payload, transfer = []) => {
  if (kind === 'captured') {
    const bytes = inputRead - (payload as Captured).input.first.length
    scope.postMessage({ kind: 'inputRead', payload: { bytes } }, [])
  }
  scope.postMessage({ kind, payload }, transfer)
}

type Received = PageMessage | Message<ToGuest>

/** The guest with what surrounds it, once the first message has come. */
async function createGuest(setup: WorkerSetup) {
  const port = new WorkerPort(scope, setup)
  const posted = new PostedInput((payload) => port.post('input', payload))
  const clocks = createClocks()
  const isShared = setup.flow !== undefined
  const loop = createEventLoop(port)
  let turns: Turns | undefined
  const waiting = (control: ControlBlock): Turns | undefined => {
    if (!isShared) turns = new Turns(loop, clocks, control)
    return turns
  }
  // What is wrong with the functions is told when they are linked.
  const linkFunction = await loadFunctions(setup.imports).catch((error: unknown) => () => {
    throw error
  })
  let prepared: (() => EngineMaker) | undefined
  const onRead = (bytes: number) => {
    inputRead += bytes
  }
  const keep: Keep | undefined = setup.cache ? (key, bytes) => port.post('cache', { key, bytes }) : undefined
  const thread: GuestThread = {
    createHost: (control) =>
      createWorkerHost({ setup, port, posted, clocks, control, turns: waiting(control), onRead }),
    typedBehind: setup.typedBehind,
    ...(!isShared && { turns: () => turns! }),
    openDirectory: noDirectories,
    prepare: () => {
      invariant(prepared !== undefined, 'the module is prepared before the guest')
      return prepared()
    },
    openLog: () => new WorkerLog(port, setup),
    showCall: (line) => port.postBytes('output', { fd: 2, bytes: new TextEncoder().encode(`${line}\n`) }),
    linkFunction,
    stackReserve: measuredReserve(),
    post,
  }
  const handle = serveGuest(thread)
  return async (message: Received): Promise<void> => {
    switch (message.kind) {
      case 'setup':
      case 'prepare':
        return
      case 'input':
        posted.receive(message.payload.bytes)
        turns?.news()
        return
      case 'taken':
        port.taken(message.payload.bytes)
        loop.roomMade()
        return
      case 'init':
        prepared = await prepareModule(message.payload, keep, early)
        return handle(message)
      default:
        return handle(message)
    }
  }
}

function noDirectories(path: string): never {
  throw new StasisError(
    'STASIS_MOUNT_HOST',
    `A page cannot open the directory ${path} of this machine. Mount memory in its place, with the files that the program needs ({ guest, memory: true, files }), or a directory of the page's private file system ({ guest, opfs: 'name' }).`,
    { path },
  )
}

let early: CompiledEarly | undefined
let guest: Promise<(message: Received) => Promise<void>> | undefined
/** One after the other: the first two take time. */
let work = Promise.resolve()

scope.onmessage = ({ data }) => {
  const message = data as Received
  if (message.kind === 'prepare') {
    early = compileEarly(message.payload)
    return
  }
  if (message.kind === 'setup') guest = createGuest(message.payload)
  work = work
    .then(async () => (await guest!)(message))
    .catch((error: unknown) => post('failed', { error: packError(error) }))
}

scope.postMessage({ kind: 'loaded', payload: {} }, [])
