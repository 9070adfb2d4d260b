import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { loadModule, saveModule } from '../../runtime/store/checkpoints.ts'
import { loadStart } from '../../runtime/store/start-record.ts'
import type { Store } from '../../runtime/store/store.ts'

/** Takes the module of a session that was killed early from where it was, since the other side cannot look there. */
export async function keepModules(store: Store, session: string): Promise<void> {
  const start = await loadStart(store, session).catch(() => undefined)
  if (start === undefined || start.module.path === '') return
  const { sha256, path } = start.module
  if ((await loadModule(store, sha256)) !== undefined) return
  const bytes = await readFile(path).catch(() => undefined)
  if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== sha256) return
  await saveModule(store, sha256, bytes)
}
