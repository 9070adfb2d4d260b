import { isStasisError } from '../../wasm-shim/errors.ts'

/** Milliseconds before each new attempt. */
const pauses = [200, 500, 1000, 2000]

/** Tries again where the connection was lost: what has arrived is not sent again. */
export async function withRetries<T>(task: () => Promise<T>, onRetry: (error: Error) => void): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await task()
    } catch (error) {
      const pause = pauses[attempt]
      if (pause === undefined || !isLost(error)) throw error
      onRetry(error as Error)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

export function isLost(error: unknown): boolean {
  return isStasisError(error) && error.code === 'STASIS_CONNECTION_LOST'
}
