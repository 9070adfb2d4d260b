import { invariant, StasisError } from '../../wasm-shim/errors.ts'
import type { LockOwner } from './store.ts'

const pattern = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$/

/** Names come from our own code, out of checked parts: a bad one is a bug, and must not become a path. */
export function checkBlobName(name: string): string {
  invariant(pattern.test(name), `${JSON.stringify(name)} is a blob's name`)
  return name
}

/** Throws STASIS_BLOB_CHANGED where `at` is behind the blob's end: somebody else has cut it. */
export function checkAppend(name: string, at: number, size: number): void {
  if (Number.isSafeInteger(at) && at >= 0 && at <= size) return
  const message = `${name} ends at byte ${size}, and cannot be written from byte ${at} on. Somebody else has changed it: read it again.`
  throw new StasisError('STASIS_BLOB_CHANGED', message, { blob: name, at, size })
}

export function sessionBusy(session: string, { pid, host }: LockOwner): StasisError {
  const who = pid === 0 ? 'this process' : `process ${pid} on ${host}`
  return new StasisError(
    'STASIS_SESSION_BUSY',
    `The session ${session} is running in ${who}. Stop it there, or choose another name.`,
    { session, pid, host },
  )
}
