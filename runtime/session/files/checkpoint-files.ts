import type { CarriedFile, CarriedFiles } from '../../../wasm-shim/wasi/carried.ts'
import { carriedFileSystem, detachedOverlay } from '../../../wasm-shim/wasi/fs/carried.ts'
import type { FileSystem, FileType } from '../../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../../wasm-shim/wasi/fs/memory.ts'
import { guestPath } from '../../../wasm-shim/wasi/guest-path.ts'
import { decodeState } from '../../../wasm-shim/wasi/saved-state.ts'
import type { MountKind } from '../../../wasm-shim/wasi/state.ts'
import type { Checkpoint } from '../../image/model.ts'
import type { MountInMemory } from '../messages.ts'

/** The files of one directory of a session, as far as a checkpoint has them. */
export interface MountFiles {
  readonly guest: string
  readonly kind: MountKind
  /** What can be taken out. Paths are relative to the mount's root. */
  readonly fs: FileSystem
  /** Of a directory of the host: what is known of its files. */
  readonly carried: readonly CarriedFile[]
}

/** One line of a listing. */
export interface FileListing {
  /** As the guest sees it. */
  readonly path: string
  readonly type: FileType
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch; null where nothing is there. */
  readonly mtime: number | null
  /** Where it lives: in the session, or in a directory of the host where the session has created, changed or opened it. */
  readonly state: CarriedFile['state'] | 'memory' | 'overlay'
  /** Whether the checkpoint has its content. */
  readonly carried: boolean
}

/** Throws StasisError STASIS_KERNEL_STATE_DAMAGED, STASIS_MEMORY_FS_DAMAGED. */
export function checkpointFiles({ kernel, files }: Pick<Checkpoint, 'kernel' | 'files'>): readonly MountFiles[] {
  const still = () => 0n
  return decodeState(kernel).mounts.map(({ guest, kind, content }): MountFiles => {
    const carried = files?.files.filter(({ mount }) => mount === guest) ?? []
    if (kind === 'memory') {
      const fs = content === null ? MemoryFileSystem.create(still) : MemoryFileSystem.restore(content, still)
      return { guest, kind, fs, carried: [] }
    }
    const none = { content: 'left out', isComplete: true, files: [], contents: [] } as const
    const open = carriedFileSystem(files ?? none, guest, still)
    const fs = kind === 'overlay' && content !== null ? detachedOverlay(content, open, still) : open
    return { guest, kind, fs, carried }
  })
}

/** Every file, by path. */
export function listFiles(mounts: readonly MountFiles[]): readonly FileListing[] {
  return mounts.flatMap((mount) => {
    const all = mount.kind === 'host' ? mount.carried.map(carriedListing) : walk(mount, '')
    return [...all].sort((a, b) => (a.path < b.path ? -1 : 1))
  })
}

/** Files of the host that a checkpoint carries, or knows of, by path. */
export function listCarried({ files }: CarriedFiles): readonly FileListing[] {
  return files.map(carriedListing).sort((a, b) => (a.path < b.path ? -1 : 1))
}

function carriedListing({ mount, path, type, size, mtim, state, content }: CarriedFile): FileListing {
  return {
    path: guestPath({ guest: mount }, path),
    ...{ type, size, state },
    mtime: type === 'unknown' ? null : Number(mtim / 1_000_000n),
    carried: content !== null || type === 'directory' || type === 'symlink',
  }
}

function walk(mount: MountFiles, folder: string): FileListing[] {
  const { fs, guest, kind } = mount
  const entries = fs.readdir(folder)
  if (typeof entries === 'number' || kind === 'host') return []
  return entries.flatMap(({ name }): FileListing[] => {
    const path = folder === '' ? name : `${folder}/${name}`
    const stat = fs.stat(path)
    if (typeof stat === 'number') return []
    const { type, size, mtim } = stat
    const mtime = Number(mtim / 1_000_000n)
    const own = { path: guestPath({ guest }, path), type, size: Number(size), mtime, state: kind, carried: true }
    return [own, ...(type === 'directory' ? walk(mount, path) : [])]
  })
}

/** How many files a checkpoint carries of these mounts, by their guest names. */
export function countFiles(checkpoint: Checkpoint, guests: readonly string[]): MountInMemory[] {
  const mounts = checkpointFiles(checkpoint)
  return guests.map((guest) => {
    const own = listFiles(mounts.filter((mount) => mount.guest === guest))
    return { guest, files: own.filter(({ type }) => type === 'file').length }
  })
}
