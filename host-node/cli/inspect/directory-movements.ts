import type { CheckpointReport } from '../../../runtime/inspect/checkpoint-report.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { decideMounts, type MountFate, type MountToMove } from '../../../runtime/transfer/mount-fates.ts'
import { mountsToMove } from '../../../runtime/transfer/mounts-to-move.ts'
import type { Movement, MoveTarget } from './can-move.ts'
import type { StartReport } from './start-report.ts'

/** A session's directories of its host. */
export interface Directories {
  readonly mounts: readonly MountToMove[]
  /** What the server that it is to go to says of them, where it was asked. */
  readonly fates?: readonly MountFate[]
}

/**
 * `isNewest`: the session as it is now, and not an older checkpoint or one in a file, which would be gone on from alone.
 */
export async function directoriesOf(
  report: CheckpointReport | StartReport,
  store: Store,
  isNewest: boolean,
): Promise<readonly MountToMove[]> {
  const { session } = report
  if (isNewest) return mountsToMove(store, session, (await store.owners()).has(session)).catch(() => ownMounts(report))
  return ownMounts(report)
}

function ownMounts(report: CheckpointReport | StartReport): readonly MountToMove[] {
  if (report.kind === 'start') return []
  const { mounts, files } = report
  const contents = files?.content === 'carried' && files.complete ? 'carried' : 'left out'
  return mounts.flatMap(({ guest, kind }) => (kind === 'memory' ? [] : [{ guest, kind, contents }]))
}

export function directoryMovements(
  report: CheckpointReport | StartReport,
  { mounts, fates }: Directories,
  { isPage }: MoveTarget,
): readonly Movement[] {
  const known = report.kind === 'start' ? [] : report.mounts
  const row = (guest: string, moves: Movement['moves'], because: string): Movement => {
    const source = known.find((mount) => mount.guest === guest)?.source
    return { resource: `directory ${source ? `${source}::` : ''}${guest}`, moves, because }
  }
  if (fates !== undefined) {
    return fates.map(({ guest, fate, because }) => row(guest, fate === 'refused' ? 'does not move' : 'moves', because))
  }
  return decideMounts(mounts, [], 'refuse').map(({ guest, fate, because }, index) => {
    const { kind } = mounts[index]!
    const option = `--dir HOST::${guest}${kind === 'overlay' ? ':overlay' : ''}`
    if (fate === 'memory') {
      return isPage ? row(guest, 'moves', because) : row(guest, 'moves if granted', `by ${option}; else ${because}`)
    }
    const why = because.replace(/^it is not granted there, and /, '')
    return isPage
      ? row(guest, 'does not move', `${why}, and a page has no directories of this machine`)
      : row(guest, 'moves if granted', `by ${option}, with the same files in it: ${why}`)
  })
}

/** Whether a guest's path is that of a directory or of what is in it. */
export const isBelow = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
