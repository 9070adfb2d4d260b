import { randomFillSync } from 'node:crypto'
import { pooledRandom } from '../runtime/session/random-pool.ts'

/** Cryptographically strong random bytes. */
export const createRandom = (): ((target: Uint8Array) => void) => pooledRandom((pool) => randomFillSync(pool))
