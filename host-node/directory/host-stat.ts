import { type BigIntStats, constants, type Dirent, lstatSync } from 'node:fs'
import type { DirectoryEntry, FileStat, FileType } from '../../wasm-shim/wasi/fs/file-system.ts'
import { attempt } from '../errno.ts'

const typeByFormat: ReadonlyMap<number, FileType> = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFCHR, 'character'],
  [constants.S_IFBLK, 'block'],
  [constants.S_IFSOCK, 'socket-stream'],
])

export function toFileStat(stats: BigIntStats): FileStat {
  return {
    dev: stats.dev,
    ino: stats.ino,
    type: typeOf(Number(stats.mode)),
    nlink: stats.nlink,
    size: stats.size,
    atim: atLeastEpoch(stats.atimeNs),
    mtim: atLeastEpoch(stats.mtimeNs),
    ctim: atLeastEpoch(stats.ctimeNs),
  }
}

export function typeOf(mode: number): FileType {
  // Preview1 has no word for a FIFO.
  return typeByFormat.get(mode & constants.S_IFMT) ?? 'unknown'
}

/** Preview1's timestamps are unsigned. */
function atLeastEpoch(nanoseconds: bigint): bigint {
  return nanoseconds < 0n ? 0n : nanoseconds
}

/** Node's directory listing has no inode numbers: each is looked up when it is asked for. */
export class HostEntry implements DirectoryEntry {
  readonly name: string
  readonly type: FileType
  readonly #find: (name: string) => string | number

  constructor(entry: Dirent, find: (name: string) => string | number) {
    this.name = entry.name
    this.type = typeOfEntry(entry)
    this.#find = find
  }

  /** 0 when the entry has gone meanwhile. */
  get ino(): bigint {
    const path = this.#find(this.name)
    if (typeof path === 'number') return 0n
    const stats = attempt(() => lstatSync(path, { bigint: true }))
    return typeof stats === 'number' ? 0n : stats.ino
  }
}

function typeOfEntry(entry: Dirent): FileType {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  if (entry.isSymbolicLink()) return 'symlink'
  if (entry.isCharacterDevice()) return 'character'
  if (entry.isBlockDevice()) return 'block'
  return entry.isSocket() ? 'socket-stream' : 'unknown'
}
