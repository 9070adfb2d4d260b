import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { StasisError } from '../../wasm-shim/errors.ts'
import { controlPath, ensurePrivateDirectory } from './address.ts'
import { askStatus } from './client.ts'
import {
  type CheckpointParams,
  type CheckpointResult,
  describeError,
  readLines,
  type SessionStatus,
  writeLine,
} from './protocol.ts'

export interface ControlHandlers {
  status(): SessionStatus
  checkpoint(params: CheckpointParams): Promise<CheckpointResult>
}

/** Answers other processes for a running session, on this thread, whatever the guest's thread does. */
export class ControlServer {
  readonly path: string
  readonly #server: Server
  readonly #connections = new Set<Socket>()
  readonly #handlers: ControlHandlers
  #unanswered = 0

  private constructor(path: string, handlers: ControlHandlers) {
    this.path = path
    this.#handlers = handlers
    this.#server = createServer((socket) => this.#serve(socket))
    // The guest's end decides when the process ends, never an open control connection.
    this.#server.unref()
  }

  /** Throws STASIS_SESSION_RUNNING where a live session listens there already; a dead one's socket is replaced. */
  static async listen(storeId: string, session: string, handlers: ControlHandlers): Promise<ControlServer> {
    ensurePrivateDirectory()
    const path = controlPath(storeId, session)
    const other = await askStatus(path)
    if (other !== undefined)
      throw new StasisError(
        'STASIS_SESSION_RUNNING',
        `Session "${session}" is already running as process ${other.pid}. Choose another --name, or stop that one with ` +
          `"stasis checkpoint ${session} --stop".`,
        { session, pid: other.pid },
      )
    rmSync(path, { force: true })
    const control = new ControlServer(path, handlers)
    await new Promise<void>((resolve, reject) => {
      control.#server.once('error', reject)
      control.#server.listen(path, resolve)
    })
    chmodSync(path, 0o600)
    return control
  }

  /** Sends the replies that are due (a moment's patience), then disconnects everybody and removes the socket. */
  async close(): Promise<void> {
    this.#server.close()
    const deadline = Date.now() + 1000
    while (this.#unanswered > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
    await Promise.all(
      [...this.#connections].map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.once('close', () => resolve())
            socket.end(() => socket.destroy())
          }),
      ),
    )
    rmSync(this.path, { force: true })
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket)
    socket.unref()
    socket.on('close', () => this.#connections.delete(socket))
    // A client that goes away is no matter; 'close' follows.
    socket.on('error', () => {})
    readLines(socket, (message) => void this.#answer(socket, message))
  }

  async #answer(socket: Socket, message: Record<string, unknown>): Promise<void> {
    const id = typeof message.id === 'number' ? message.id : 0
    this.#unanswered += 1
    try {
      const result = await this.#perform(message)
      if (socket.writable) writeLine(socket, { id, ok: true, result })
    } catch (error) {
      if (socket.writable) writeLine(socket, { id, ok: false, error: describeError(error) })
    } finally {
      this.#unanswered -= 1
    }
  }

  async #perform(message: Record<string, unknown>): Promise<SessionStatus | CheckpointResult> {
    switch (message.op) {
      case 'status':
        return this.#handlers.status()
      case 'checkpoint':
        return this.#handlers.checkpoint({
          stop: message.stop === true,
          ...(typeof message.files === 'boolean' && { files: message.files }),
          ...(typeof message.label === 'string' && { label: message.label }),
          ...(message.keyframe === true && { keyframe: true }),
          ...(message.byLog === true && { byLog: true }),
          ...(typeof message.movesTo === 'string' && { movesTo: message.movesTo }),
        })
      default:
        throw new StasisError(
          'STASIS_CONTROL_OPERATION',
          `The running session does not know the operation "${String(message.op)}"; it may be of an older version of stasis.`,
        )
    }
  }
}
