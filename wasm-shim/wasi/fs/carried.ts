import { invariant } from '../../errors.ts'
import type { CarriedFile, CarriedFiles } from '../carried.ts'
import type { FileSystem } from './file-system.ts'
import { MemoryFileSystem } from './memory.ts'
import { OverlayFileSystem } from './overlay.ts'

/**
 * The files that a checkpoint carries of one mount as a file system in memory, with the directories on the way. Files
 * without content, and what is neither file, directory nor symlink, are missing in it.
 */
export function carriedFileSystem(
  { files, contents }: CarriedFiles,
  guest: string,
  clock: () => bigint,
): MemoryFileSystem {
  const fs = MemoryFileSystem.create(clock)
  const own = files.filter(({ mount, state }) => mount === guest && state !== 'removed')
  const first = new Map<number, string>()
  for (const file of own) {
    makeParents(fs, file.path)
    put(fs, file, contents, first)
  }
  // Last of all, since what is put into a directory changes its times.
  for (const { path, mtim } of own) {
    // Memory file systems know no times before 1970.
    const time = mtim < 0n ? 0n : mtim
    fs.setTimes(path, time, time)
  }
  return fs
}

/** The changes of an overlay without the directory below, of which only what was held open is known. */
export function detachedOverlay(saved: Uint8Array, open: FileSystem, clock: () => bigint): MemoryFileSystem {
  return MemoryFileSystem.restore(OverlayFileSystem.restore(saved, open, clock).detach(), clock)
}

function put(
  fs: MemoryFileSystem,
  { path, type, content, target }: CarriedFile,
  contents: readonly Uint8Array[],
  first: Map<number, string>,
): void {
  switch (type) {
    case 'directory':
      fs.mkdir(path)
      return
    case 'symlink':
      fs.symlink(target ?? '', path)
      return
    case 'file': {
      if (content === null) return
      const same = first.get(content)
      if (same !== undefined && fs.link(same, path) === 0) return
      const bytes = contents[content]
      invariant(bytes !== undefined, 'a file has its content')
      first.set(content, path)
      fs.put(path, bytes)
    }
  }
}

function makeParents(fs: MemoryFileSystem, path: string): void {
  const components = path.split('/')
  for (let depth = 1; depth < components.length; depth++) fs.mkdir(components.slice(0, depth).join('/'))
}
