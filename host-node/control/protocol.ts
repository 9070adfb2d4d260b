import type { Socket } from 'node:net'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'

/**
 * What a running session answers to other processes of the same user: one JSON object a line, in UTF-8, over a Unix domain
 * socket. A request `{id, op, ...}` gets exactly one reply `{id, ok: true, result}` or `{id, ok: false, error}`; a client
 * may send several without waiting. Whoever sends a line that is too long or no JSON is disconnected.
 */
export interface Operations {
  readonly status: { readonly params: Record<never, never>; readonly result: SessionStatus }
  readonly checkpoint: { readonly params: CheckpointParams; readonly result: CheckpointResult }
}
export type Operation = keyof Operations

export interface SessionStatus {
  readonly name: string
  readonly pid: number
  /** The module's file name. */
  readonly module: string
  /** Milliseconds since the epoch. */
  readonly started: number
}

export interface CheckpointParams {
  readonly label?: string
  /** End the session after the checkpoint; default: it goes on. */
  readonly stop: boolean
  /** Not asked for by a person: it is removed by itself when two newer ones are there. */
  readonly keyframe?: boolean
  /** Carry the contents of the host's files; default: yes, but for a keyframe. */
  readonly files?: boolean
  /** To stop, the log will do, if that is enough to go on from. */
  readonly byLog?: boolean
  /** The session is stopped to be moved to this address. */
  readonly movesTo?: string
}

export interface CheckpointResult {
  readonly name: string
  /** Absent where the session was stopped without a checkpoint, before call `calls`. */
  readonly version?: number
  /** Bytes the version added to the store. */
  readonly size?: number
  readonly calls?: number
  readonly stopped: boolean
  /** The command that resumes, with its grants, as words. */
  readonly resume: readonly string[]
}

export interface ErrorReply {
  readonly code: string
  readonly message: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ErrorReply }

/** Far above any message; what is longer comes from something that is no peer of ours. */
const maximumLine = 64 * 1024

/** Calls `onLine` with each JSON object received; ends the connection at the first line that is none. */
export function readLines(socket: Socket, onLine: (message: Record<string, unknown>) => void): void {
  let buffered = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (buffered + chunk).split('\n')
    buffered = lines.pop() as string
    for (const line of lines) {
      const message = line.length <= maximumLine ? parseObject(line) : undefined
      if (message === undefined) return void socket.destroy()
      onLine(message)
    }
    if (buffered.length > maximumLine) socket.destroy()
  })
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

export const writeLine = (socket: Socket, message: object): boolean => socket.write(`${JSON.stringify(message)}\n`)

export function describeError(error: unknown): ErrorReply {
  if (isStasisError(error)) return { code: error.code, message: error.message, fields: error.fields }
  return { code: 'STASIS_INTERNAL', message: error instanceof Error ? error.message : String(error), fields: {} }
}

export const reviveError = (reply: ErrorReply): StasisError =>
  new StasisError(String(reply.code), String(reply.message), reply.fields)
