import { createSHA256 } from 'hash-wasm'
import { controlBytes } from '../runtime/session/control-block.ts'
import type { SessionHost } from '../runtime/session/session-host.ts'
import type { Store } from '../runtime/store/store.ts'
import type { ExportHost } from '../runtime/transfer/export/export-session.ts'
import { hex } from '../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { type SpawnOptions, type StreamOptions, spawnGuest } from './spawn.ts'

/** Whether the guest's worker shares memory with the page: it is served with isolation headers. */
export const isIsolated = (): boolean => globalThis.crossOriginIsolated === true

/** What exporting and importing need of a page. */
export const exportHost: ExportHost = { sha256, uuid, readFile: fetchBytes }

/** A page as the host of sessions whose logs go to `store`. */
export function pageHost(
  store: Store,
  streams: StreamOptions,
  { onExit, early }: Pick<SpawnOptions, 'onExit' | 'early'> = {},
): SessionHost {
  return {
    spawnGuest: (control, receive, fail) =>
      spawnGuest({ ...streams, store, ...(onExit && { onExit }), ...(early && { early }) }, control, receive, fail),
    ...(!isIsolated() && { controlBuffer: () => new ArrayBuffer(controlBytes) }),
    logPlace: (_, session) => ({ kind: 'store', session }),
    now: () => Date.now(),
    ...exportHost,
    every: (milliseconds, look) => {
      const timer = setInterval(look, milliseconds)
      return () => clearInterval(timer)
    },
    absolutePath: (path) => new URL(path, document.baseURI).href,
  }
}

/** crypto.randomUUID is missing where the page is not in a secure context. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const digits = hex(bytes)
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => digits.slice(from, to))
    .join('-')
}

/** Likewise crypto.subtle. */
async function sha256(bytes: Uint8Array): Promise<string> {
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice()
  if (globalThis.crypto.subtle === undefined) return (await createSHA256()).init().update(own).digest('hex')
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', own)))
}

/** A module by its URL. Throws STASIS_FILE. */
async function fetchBytes(url: string): Promise<Uint8Array> {
  try {
    const response = await fetch(new URL(url, document.baseURI))
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`)
    return new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError('STASIS_FILE', `Cannot fetch the module ${url}: ${reason}.`, { path: url }, { cause })
  }
}
