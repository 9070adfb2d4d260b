import { loadCheckpoint } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { saveAs } from '../inspector/files-pane.ts'

/** Hands the newest checkpoint to the reader as a file. */
export async function saveSession(store: Store, name: string): Promise<void> {
  const { bytes, address } = await loadCheckpoint(store, { name, version: 0 })
  saveAs(`${name}-${address.version}.ckpt`, [bytes])
}
