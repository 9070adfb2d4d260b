import { decodeState, type SavedMount } from '../../wasm-shim/wasi/saved-state.ts'
import { decodeCheckpoint } from '../image/decode.ts'
import { type RestorePoint, restorePoints } from '../session/restore-plan.ts'
import { readStored } from '../store/checkpoints.ts'
import type { Store } from '../store/store.ts'
import type { ContentPlace, MountToMove } from './mount-fates.ts'

/**
 * A session's directories, as it would be sent now. `isRunning`: it is stopped with a checkpoint first. Empty where nothing
 * can be said of it. Rejects as `restorePoints` and decoders do.
 */
export async function mountsToMove(store: Store, session: string, isRunning: boolean): Promise<readonly MountToMove[]> {
  const point = await newestPoint(store, session)
  if (point === undefined) return []
  const { mounts, contents } = read(point)
  return mounts.flatMap(({ guest, kind }): MountToMove[] =>
    kind === 'memory' ? [] : [{ guest, kind, contents: isRunning ? 'at the stop' : contents }],
  )
}

/** Whether the newest checkpoint has the contents of the host's files, whatever was done after it. */
export async function carriesFiles(store: Store, session: string): Promise<boolean> {
  const point = await newestPoint(store, session)
  return point !== undefined && read({ ...point, tail: [] }).contents === 'carried'
}

async function newestPoint(store: Store, session: string): Promise<RestorePoint | undefined> {
  const [first] = await restorePoints(store, { name: session, version: 0 })
  return first?.()
}

function read({ base, tail }: RestorePoint): { mounts: readonly SavedMount[]; contents: ContentPlace } {
  if (base.kind === 'start') return { mounts: decodeState(base.start.kernel).mounts, contents: 'behind' }
  const { kernel, files } = readStored(base.image, decodeCheckpoint)
  const isCarried = files?.content === 'carried' && files.isComplete
  return {
    mounts: decodeState(kernel).mounts,
    contents: tail.length > 0 ? 'behind' : isCarried ? 'carried' : 'left out',
  }
}
