/**
 * How a session began, as `sessions/<name>/start.cbor`: all that is needed to run its log from the first call on. One
 * deterministic CBOR map, checked when it is read, since a store is no more to be trusted than an image.
 */
import { decode, encode } from 'cborg'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { bytes, hash256, natural, nullable, one, record, text } from '../../wasm-shim/wasi/shapes.ts'
import { sessionFolder } from './session-log.ts'
import type { Store } from './store.ts'

export interface StartRecord {
  /** The session's identity, a UUID. */
  readonly id: string
  /** `path`: where the module was, empty if unknown; it is believed only if its hash is right. */
  readonly module: { readonly sha256: string; readonly size: number; readonly name: string; readonly path: string }
  /** The kernel's state before the first call. */
  readonly kernel: Uint8Array
  readonly polls: 'none' | 'default' | 'all'
  /** What it was asked for, or runs with since the other one refused; null, or absent in older records: no matter. */
  readonly engine?: 'instrumented' | 'log-only' | null
  /** Milliseconds since the epoch. */
  readonly time: number
  /** The exit code, of a program that has ended and whose log is kept. */
  readonly ended?: number | null
}

const format = 1

const shape = record<Required<StartRecord> & { format: number }>({
  format: natural(format),
  id: text,
  module: record({ sha256: hash256, size: natural(Number.MAX_SAFE_INTEGER), name: text, path: text }),
  kernel: bytes,
  polls: one(['none', 'default', 'all']),
  engine: nullable(one(['instrumented', 'log-only'])),
  time: natural(8.64e15),
  ended: nullable(natural(0xffff_ffff)),
})

/** The blob of a session's start record. */
export const startBlob = (session: string): string => `${sessionFolder(session)}start.cbor`

export async function saveStart(store: Store, session: string, start: StartRecord): Promise<void> {
  await store.put(startBlob(session), [
    encode({ format, ...start, engine: start.engine ?? null, ended: start.ended ?? null }),
  ])
}

export async function removeStart(store: Store, session: string): Promise<void> {
  await store.delete(startBlob(session))
}

/** How a run began, by the first eight digits of its identity; undefined where that is not known, or damaged. */
export async function findStart(store: Store, session: string, run: string): Promise<StartRecord | undefined> {
  const start = await loadStart(store, session).catch((error) => {
    if (!isStasisError(error)) throw error
    return undefined
  })
  return start?.id.startsWith(run) ? start : undefined
}

/** Throws what is wrong with it. */
export function readStart(blob: Uint8Array): StartRecord {
  const decoded: unknown = decode(blob)
  const whole = typeof decoded === 'object' && decoded !== null ? { engine: null, ...decoded } : decoded
  const { format: _, ...start } = shape(whole, 'start')
  return start
}

/** undefined where the session has none. Throws STASIS_START_DAMAGED. */
export async function loadStart(store: Store, session: string): Promise<StartRecord | undefined> {
  const blob = await store.get(startBlob(session))
  if (blob === undefined) return undefined
  try {
    return readStart(blob)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `${store.locate(startBlob(session))}, which says how ${session} began, cannot be used: ${reason}. Restore a checkpoint by its number.`
    throw new StasisError('STASIS_START_DAMAGED', message, { session }, { cause })
  }
}
