import { createHash, randomUUID } from 'node:crypto'
import { openLog } from '../../host-node/open-log.ts'
import type { Engine } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { Request } from '../../runtime/session/control-block.ts'
import { type GuestThread, serveGuest } from '../../runtime/session/guest.ts'
import type { FromGuest, Message, ToGuest } from '../../runtime/session/messages.ts'
import type { RestoreOptions, StartOptions } from '../../runtime/session/options.ts'
import { restoreSession } from '../../runtime/session/restore.ts'
import type { Session } from '../../runtime/session/session.ts'
import type { SessionHost } from '../../runtime/session/session-host.ts'
import { startSession } from '../../runtime/session/start.ts'
import type { Store } from '../../runtime/store/store.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { createTestHost, type TestHost, type TestHostOptions } from '../support/test-host.ts'

/** Turns of the guest and of the session follow each other as messages would between threads. */
export interface Running {
  readonly session: Session
  readonly host: TestHost
}

export interface WorldOptions extends TestHostOptions {
  /** Stands between the guest's thread and its engine. */
  readonly wrap?: (engine: Engine) => Engine
  readonly stackReserve?: number
  /** Every how many decisions about a capture on-stack replacement is suggested. Default: never. */
  readonly osrEvery?: number
  /** What the guest's thread has for checkpoints; absent where it takes what it needs. */
  readonly room?: Pick<GuestThread, 'hasRoom' | 'allocate'>
  readonly makeRoom?: (size: number) => Promise<void>
  /** What all of its directories are, given the guest's host. Default: each is empty. */
  readonly directory?: (host: TestHost) => FileSystem
  /** Milliseconds since the epoch, as the session sees them. Default: a clock that goes on by one with each look. */
  readonly sessionTime?: () => number
}

type Handler = (message: Message<ToGuest>) => void

/** A session whose guest's thread is this one: it runs, to its end or until it is held, between two turns of the event loop. */
function testHost(options: WorldOptions): { sessionHost: SessionHost; host: () => TestHost } {
  let host: TestHost | undefined
  let time = 1_763_000_000_000
  const sessionHost: SessionHost = {
    spawnGuest: (control, receive) => {
      let isOver = false
      const later = (deliver: () => void) => setImmediate(() => isOver || deliver())
      const { wrap: _, osrEvery = 0, stackReserve, room, makeRoom, sessionTime: __, directory: ___, ...rest } = options
      const made = createTestHost({ ...rest, control })
      host = made
      const handle: Handler = serveGuest({
        createHost: () => made,
        ...(stackReserve !== undefined && { stackReserve }),
        ...room,
        openLog,
        openDirectory: () => options.directory?.(made) ?? MemoryFileSystem.create(made.clocks.realtime),
        prepare: ({ bytes }, polls) => {
          const module = new WebAssembly.Module(prelink(bytes, { polls }).bytes as Uint8Array<ArrayBuffer>)
          const { wrap = (engine) => engine } = options
          let decisions = 0
          return (given) => {
            const shouldCapture = (site: Parameters<typeof given.shouldCapture>[0]) => {
              if (osrEvery > 0 && ++decisions % osrEvery === 0) control.suggest(Request.osr)
              return given.shouldCapture(site)
            }
            const options = { ...given, shouldCapture }
            return wrap(createInstrumentedEngine({ module, original: () => bytes, options }))
          }
        },
        post: (kind, payload, transfer = []) => {
          const message = structuredClone({ kind, payload }, { transfer: [...transfer] })
          later(() => receive(message as Message<FromGuest>))
        },
      })
      return {
        ...(makeRoom !== undefined && { makeRoom }),
        post: (kind, payload, transfer = []) => {
          const message = structuredClone({ kind, payload }, { transfer: [...transfer] })
          later(() => handle(message as Message<ToGuest>))
        },
        terminate: async () => {
          isOver = true
        },
      }
    },
    now: options.sessionTime ?? (() => time++),
    uuid: randomUUID,
    sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
  }
  return { sessionHost, host: () => host! }
}

export async function start(options: StartOptions, world: WorldOptions = {}): Promise<Running> {
  const { sessionHost, host } = testHost(world)
  const session = await startSession(sessionHost, options)
  return { session, host: host() }
}

export async function restore(
  store: Store,
  address: string,
  options: RestoreOptions = {},
  world: WorldOptions = {},
): Promise<Running> {
  const { sessionHost, host } = testHost(world)
  const session = await restoreSession(sessionHost, store, address, options)
  return { session, host: host() }
}
