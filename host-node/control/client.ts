import { readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { StasisError } from '../../wasm-shim/errors.ts'
import { controlPath, controlPlace } from './address.ts'
import {
  type Operation,
  type Operations,
  type Reply,
  readLines,
  reviveError,
  type SessionStatus,
  writeLine,
} from './protocol.ts'

/** How long a session may take to say who it is: its main thread does next to nothing. */
const statusPatience = 2000

/** Nobody listens: no socket, or the socket of a process that has died. */
const absent = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'])

/** One request, one reply. Undefined when nobody listens at `path`. */
async function ask<Op extends Operation>(
  path: string,
  op: Op,
  params: Operations[Op]['params'],
  signal?: AbortSignal,
): Promise<Operations[Op]['result'] | undefined> {
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const abort = () => socket.destroy(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    socket.once('connect', () => writeLine(socket, { id: 1, op, ...params }))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (absent.has(error.code ?? '')) resolve(undefined)
      else reject(error)
    })
    socket.once('close', () => {
      signal?.removeEventListener('abort', abort)
      reject(
        new StasisError(
          'STASIS_CONTROL_LOST',
          'The session ended before it answered. See its own terminal for the reason.',
        ),
      )
    })
    readLines(socket, (message) => {
      const reply = message as unknown as Reply
      if (reply.ok === true) resolve(reply.result as Operations[Op]['result'])
      else reject(reviveError(reply.error))
      socket.end()
    })
  })
}

/** Who listens at `path`; undefined when nobody does or the answer does not come. */
export async function askStatus(path: string): Promise<SessionStatus | undefined> {
  return ask(path, 'status', {}, AbortSignal.timeout(statusPatience)).catch(() => undefined)
}

/** The running sessions of a store, by name. Sockets that dead processes left are removed on the way. */
export async function listRunning(storeId: string): Promise<readonly SessionStatus[]> {
  const { directory, prefix } = controlPlace(storeId)
  const paths = readDirectory(directory)
    .filter((file) => file.startsWith(prefix) && file.endsWith('.sock'))
    .map((file) => join(directory, file))
  const found = await Promise.all(
    paths.map(async (path) => {
      // Only "nobody listens" makes a socket stale; a session too busy to answer in time keeps it.
      const status = await ask(path, 'status', {}, AbortSignal.timeout(statusPatience)).catch(() => null)
      if (status === undefined) rmSync(path, { force: true })
      return status ?? undefined
    }),
  )
  return found.filter((status) => status !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function readDirectory(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Sends a request to the running session `name`. Throws STASIS_NOT_RUNNING, naming those that run. */
export async function control<Op extends Operation>(
  storeId: string,
  name: string,
  op: Op,
  params: Operations[Op]['params'],
  signal?: AbortSignal,
): Promise<Operations[Op]['result']> {
  const result = await ask(controlPath(storeId, name), op, params, signal)
  if (result !== undefined) return result
  const running = (await listRunning(storeId)).map((status) => status.name)
  throw new StasisError(
    'STASIS_NOT_RUNNING',
    `No session "${name}" of this store is running. ${
      running.length > 0 ? `Running: ${running.join(', ')}.` : 'None is.'
    } "stasis ls" shows all sessions; --store picks another store.`,
    { session: name, running: running.join(' ') },
  )
}
