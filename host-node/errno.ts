/** Node's error codes as WASI errnos. */
import { Errno } from '../wasm-shim/wasi/errno.ts'

const byName: Readonly<Record<string, number>> = Errno

/** What Node calls otherwise than preview1, or finds itself before the operating system is asked. */
const aliases: Readonly<Record<string, number>> = {
  EOPNOTSUPP: Errno.ENOTSUP,
  EWOULDBLOCK: Errno.EAGAIN,
  ERR_INVALID_ARG_VALUE: Errno.EINVAL,
  ERR_OUT_OF_RANGE: Errno.EINVAL,
}

/**
 * The negated WASI errno of an error thrown by node:fs. One that is no system error is a bug of ours and is thrown
 * again; a system error that preview1 has no name for is EIO.
 */
export function failureOf(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code !== 'string') throw error
  const errno = byName[code] ?? aliases[code]
  if (errno !== undefined) return -errno
  if (code.startsWith('ERR_')) throw error
  return -Errno.EIO
}

/** Calls node:fs; what it throws becomes a negated errno. */
export function attempt<T>(call: () => T): T | number {
  try {
    return call()
  } catch (error) {
    return failureOf(error)
  }
}

/** The same for calls whose result does not matter: 0 or a negated errno. */
export function attemptVoid(call: () => void): number {
  try {
    call()
    return 0
  } catch (error) {
    return failureOf(error)
  }
}
