import type { Checkpoint } from '../../../runtime/image/model.ts'
import { checkpointFiles, type MountFiles } from '../../../runtime/session/files/checkpoint-files.ts'
import { readFile } from '../../../runtime/session/files/read-file.ts'
import type { CarriedFile } from '../../../wasm-shim/wasi/carried.ts'
import { guestPath } from '../../../wasm-shim/wasi/guest-path.ts'
import { type Change, changes } from './changes.ts'

export interface FileChange {
  /** As the guest sees it. */
  readonly path: string
  readonly change: Change
  /** Bytes before and after; null where it was not there. */
  readonly from: number | null
  readonly to: number | null
}

interface Known {
  readonly type: string
  readonly size: number
  readonly mtim: bigint
  readonly bytes: Uint8Array | null
  readonly target: string | null
  /** Only held open, so that it does not come and go by being in the list. */
  readonly isOnlyOpen: boolean
}

/**
 * Files that two checkpoints have: of directories in memory and overlays all, of directories of the host those that the
 * session has written or holds open. Contents are compared where both carry them, else size and time.
 */
export function compareFiles(before: Checkpoint, after: Checkpoint): readonly FileChange[] {
  const [earlier, later] = [knownFiles(before), knownFiles(after)]
  return changes(earlier, later, isSame)
    .filter(({ change, value }) => change === 'changed' || !value.isOnlyOpen)
    .map(({ key: path, change }) => ({
      ...{ path, change },
      from: earlier.get(path)?.size ?? null,
      to: later.get(path)?.size ?? null,
    }))
}

function isSame(a: Known, b: Known): boolean {
  if (a.type !== b.type || a.size !== b.size || a.target !== b.target) return false
  if (a.type !== 'file') return true
  return a.bytes === null || b.bytes === null ? a.mtim === b.mtim : Buffer.compare(a.bytes, b.bytes) === 0
}

function knownFiles(checkpoint: Checkpoint): ReadonlyMap<string, Known> {
  const contents = checkpoint.files?.contents ?? []
  return new Map(
    checkpointFiles(checkpoint).flatMap((mount) =>
      mount.kind === 'host' ? ofHost(mount.carried, contents) : inSession(mount, ''),
    ),
  )
}

function ofHost(files: readonly CarriedFile[], contents: readonly Uint8Array[]): (readonly [string, Known])[] {
  return files
    .filter(({ state }) => state !== 'removed')
    .map(({ mount, path, type, size, mtim, content, target, state }) => {
      const bytes = content === null ? null : contents[content]!
      return [guestPath({ guest: mount }, path), { type, size, mtim, bytes, target, isOnlyOpen: state === 'open' }]
    })
}

function inSession(mount: MountFiles, folder: string): (readonly [string, Known])[] {
  const { fs, guest } = mount
  const entries = fs.readdir(folder)
  if (typeof entries === 'number') return []
  return entries.flatMap(({ name }): (readonly [string, Known])[] => {
    const path = folder === '' ? name : `${folder}/${name}`
    const stat = fs.stat(path)
    if (typeof stat === 'number') return []
    const { type, mtim } = stat
    const bytes = type === 'file' ? (readFile(fs, path, Number(stat.size)) ?? null) : null
    const target = type === 'symlink' ? String(fs.readlink(path)) : null
    const size = type === 'file' ? Number(stat.size) : 0
    const known = { type, size, mtim, bytes, target, isOnlyOpen: false }
    return [[guestPath({ guest }, path), known], ...(type === 'directory' ? inSession(mount, path) : [])]
  })
}
