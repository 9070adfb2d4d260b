import type { Store } from '../runtime/store/store.ts'
import { isStasisError } from '../wasm-shim/errors.ts'

/** Until a full store is tried again. */
const retryMilliseconds = 500

export interface RoomOptions {
  readonly store: Store
  /** Told when there is no room, and when there is again. */
  readonly onFull: (waiting: boolean, reason: string) => void
  /** Nobody waits for it any more. */
  readonly isOver: () => boolean
}

/** Does a step that writes to the store, again and again while that is full. Throws what else is wrong. */
export async function untilRoom(step: () => Promise<void>, { store, onFull, isOver }: RoomOptions): Promise<void> {
  let isWaiting = false
  for (;;) {
    try {
      await step()
      if (isWaiting) onFull(false, store.url)
      return
    } catch (error) {
      if (!isStasisError(error) || error.code !== 'STASIS_STORE_FULL') throw error
      if (!isWaiting) onFull(true, error.message)
      isWaiting = true
      await new Promise((resolve) => setTimeout(resolve, retryMilliseconds))
      if (isOver()) return
    }
  }
}
