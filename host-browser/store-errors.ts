import type { LockOwner } from '../runtime/store/store.ts'
import { isStasisError, StasisError } from '../wasm-shim/errors.ts'

export const unknownOwner: LockOwner = { pid: 0, host: '', since: 0 }

export function busy(session: string, { pid, host, since }: LockOwner = unknownOwner): StasisError {
  const when = since > 0 ? `, since ${new Date(since).toISOString()}` : ''
  const message = `The session ${session} is running in a page of this browser (number ${pid}${when}). Stop it there or close that page, or choose another name.`
  return new StasisError('STASIS_SESSION_BUSY', message, { session, pid, host })
}

export function stuck(session: string): StasisError {
  const message = `The page that runs ${session} does not answer and was stopped in the middle of a change of this browser's database. Close that tab: the session then goes on here.`
  return new StasisError('STASIS_SESSION_STUCK', message, { session })
}

export function lostPieces(name: string, at: number, size: number): StasisError {
  const message = `${name} should have ${size} bytes, and those from ${at} on are not there. Restore an older version.`
  return new StasisError('STASIS_BLOB_DAMAGED', message, { blob: name, at, size })
}

export const nameOf = (error: unknown): string => (error as { name?: string } | null)?.name ?? ''

export function asStasisError(url: string, cause: unknown): StasisError {
  if (isStasisError(cause)) return cause as StasisError
  const name = nameOf(cause)
  const { message: reason = String(cause) } = (cause ?? {}) as { message?: string }
  if (name === 'QuotaExceededError') {
    const message = `${url} is full: the browser gives this page no more room. What was there before is intact. Remove sessions or old versions, free space on the disk, or let the page keep data for good (navigator.storage.persist()).`
    return new StasisError('STASIS_STORE_FULL', message, { url }, { cause })
  }
  const message = `${url} cannot be used: ${reason || name}. A private window, or settings that forbid pages to keep data, may be the reason.`
  return new StasisError('STASIS_STORE_FAILED', message, { url }, { cause })
}
