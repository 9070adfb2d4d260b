import { isStasisError } from '../../wasm-shim/errors.ts'

/** Milliseconds before each new attempt. */
const pauses = [200, 500, 1000, 2000]

/**
 * Tries again where the connection was lost: what has arrived is not sent again. A server that does not answer is asked again
 * only where it has answered before.
 */
export async function withRetries<T>(
  task: () => Promise<T>,
  onRetry: (error: Error) => void,
  hasAnswered = false,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await task()
    } catch (error) {
      const pause = pauses[attempt]
      const isWorthwhile = isLost(error) || (isUnreachable(error) && (hasAnswered || attempt > 0))
      if (pause === undefined || !isWorthwhile) throw error
      onRetry(error as Error)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

export function isLost(error: unknown): boolean {
  return isStasisError(error) && error.code === 'STASIS_CONNECTION_LOST'
}

/** Nobody answers there. */
export function isUnreachable(error: unknown): boolean {
  return isStasisError(error) && error.code === 'STASIS_SERVER_UNREACHABLE'
}
