import type { Store } from '../../../runtime/store/store.ts'
import { writeSessionFile } from '../../../runtime/transfer/session-file.ts'
import { uuid } from '../../page-host.ts'
import { saveAs } from '../inspector/files-pane.ts'

/** Hands the session to the reader as a file. It must not run. */
export async function saveSession(store: Store, name: string): Promise<void> {
  const parts = await writeSessionFile(store, name, { uuid })
  saveAs(`${name}.stasis`, parts)
}
