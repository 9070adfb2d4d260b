import type { Store } from '../../../runtime/store/store.ts'
import { Session } from '../../sessions.ts'
import { saveAs } from '../inspector/files-pane.ts'

/** Hands the session to the reader as a file (docs/format.md, exported sessions). It must not run. */
export async function saveSession(store: Store, name: string): Promise<void> {
  const parts: Uint8Array[] = []
  for await (const part of Session.export(store, name)) parts.push(part)
  saveAs(`${name}.stasis`, parts)
}
