import { decodeState, type SavedMount } from '../../wasm-shim/wasi/saved-state.ts'
import { decodeCarried } from '../image/decode.ts'
import { SectionKind } from '../image/layout.ts'
import { tailOf } from '../session/restore-plan.ts'
import { readSection } from '../store/checkpoint-section.ts'
import { listVersions, loadCheckpoint, readStored } from '../store/checkpoints.ts'
import { loadStart } from '../store/start-record.ts'
import type { Store } from '../store/store.ts'
import type { ContentPlace, MountToMove } from './mount-fates.ts'

/**
 * A session's directories, as it would be sent now. `isRunning`: it is stopped with a checkpoint first. The program's memory is
 * not read, unless files may be carried. Rejects as decoders do.
 */
export async function mountsToMove(store: Store, session: string, isRunning: boolean): Promise<readonly MountToMove[]> {
  const newest = await newestState(store, session)
  const ofHost = newest?.mounts.flatMap(({ guest, kind }) => (kind === 'memory' ? [] : [{ guest, kind }])) ?? []
  if (newest === undefined || ofHost.length === 0) return []
  const contents = isRunning ? 'at the stop' : await contentsOf(store, session, newest)
  return ofHost.map((mount) => ({ ...mount, contents }))
}

/** Whether the newest checkpoint has the contents of the host's files, whatever was done after it. */
export async function carriesFiles(store: Store, session: string): Promise<boolean> {
  const newest = await newestState(store, session)
  if (newest?.version === undefined) return false
  return (await contentsOf(store, session, { ...newest, isBehind: false })) === 'carried'
}

/** What a restore goes on from. */
interface NewestState {
  readonly mounts: readonly SavedMount[]
  /** undefined: there is no checkpoint, and it begins anew. */
  readonly version: number | undefined
  /** The log leads on from there. */
  readonly isBehind: boolean
}

/** As `restorePoints` has it, without the program's memory. */
async function newestState(store: Store, session: string): Promise<NewestState | undefined> {
  const versions = await listVersions(store, session)
  const start = await loadStart(store, session).catch(() => undefined)
  for (const { version, content } of [...versions].reverse()) {
    if (content.kind === 'damaged') continue
    const kernel = await readSection(store, session, version, SectionKind.kernel)
    if (kernel === undefined) continue
    const { session: run, calls } = content.manifest
    const isOver = start?.id === run.id && typeof start.ended === 'number'
    const isBehind = !isOver && (await tailOf(store, session, run.id, calls)).length > 0
    return { mounts: decodeState(kernel).mounts, version, isBehind }
  }
  return start && { mounts: decodeState(start.kernel).mounts, version: undefined, isBehind: true }
}

async function contentsOf(store: Store, session: string, { version, isBehind }: NewestState): Promise<ContentPlace> {
  if (isBehind || version === undefined) return 'behind'
  const files = readStored(await loadCheckpoint(store, { name: session, version }), decodeCarried)
  return files?.content === 'carried' && files.isComplete ? 'carried' : 'left out'
}
