import { StasisError } from '../../errors.ts'
import { Errno } from '../errno.ts'
import type { DirectoryEntry, Failure, FileHandle, FileStat, FileSystem, OpenFlags } from './file-system.ts'
import { type Budget, SparseContent } from './memory-content.ts'
import { type HandleOwner, MemoryHandle } from './memory-handle.ts'
import { decodeTree, encodeTree, type MemoryTree } from './memory-image.ts'
import {
  checkName,
  checkTarget,
  type DirectoryInode,
  type FileInode,
  type Inode,
  inodeCost,
  rootInode,
  type SymlinkInode,
  setInodeTimes,
  statInode,
  touch,
  utf8Length,
} from './memory-inode.ts'

export interface MemoryOptions {
  /** Largest size of one file in bytes, holes included. Default 4 GiB. */
  readonly maxFileSize?: number
  /** Bytes that all contents, names and inodes may take together. Default 1 GiB. */
  readonly maxTotalSize?: number
  /** Device number reported by stat. */
  readonly dev?: bigint
}

const defaultMaxFileSize = 2 ** 32
const defaultMaxTotalSize = 2 ** 30
const knownOptions: ReadonlySet<string> = new Set(['maxFileSize', 'maxTotalSize', 'dev'])

interface Place {
  readonly directory: DirectoryInode
  readonly name: string
}

/**
 * A file system in memory, which travels inside checkpoints. It behaves as Linux does, with these differences: reading
 * leaves the access time alone (as under `noatime`), a full file system and a too large file are both ENOSPC, and a
 * symlink among a path's earlier components is ENOTCAPABLE, since following it is the resolver's work.
 */
export class MemoryFileSystem implements FileSystem {
  readonly kind = 'memory'
  readonly readOnly = false
  readonly #clock: () => bigint
  readonly #dev: bigint
  readonly #budget: Budget
  readonly #inodes: Map<number, Inode>
  readonly #root: DirectoryInode
  readonly #owner: HandleOwner
  #next: number

  private constructor(clock: () => bigint, options: MemoryOptions, saved: Uint8Array | undefined) {
    for (const key of Object.keys(options))
      if (!knownOptions.has(key))
        throw new StasisError('STASIS_OPTION_UNKNOWN', `A memory file system has no option "${key}".`, { option: key })
    this.#clock = clock
    this.#dev = options.dev ?? 0n
    this.#budget = {
      used: 0,
      limit: options.maxTotalSize ?? defaultMaxTotalSize,
      maxFileSize: options.maxFileSize ?? defaultMaxFileSize,
    }
    const tree = saved === undefined ? emptyTree(clock()) : decodeTree(saved, this.#budget)
    this.#inodes = tree.inodes
    this.#root = tree.inodes.get(rootInode) as DirectoryInode
    this.#next = tree.next
    this.#owner = { dev: this.#dev, clock, closed: (inode) => this.#forgetUnreachable(inode) }
  }

  /** An empty file system. `clock` gives nanoseconds since the epoch. */
  static create(clock: () => bigint, options: MemoryOptions = {}): MemoryFileSystem {
    return new MemoryFileSystem(clock, options, undefined)
  }

  /** From the bytes of `save`. Throws StasisError STASIS_MEMORY_FS_DAMAGED when they are none. */
  static restore(saved: Uint8Array, clock: () => bigint, options: MemoryOptions = {}): MemoryFileSystem {
    return new MemoryFileSystem(clock, options, saved)
  }

  /**
   * The whole tree with contents, and open files without a name; equal trees give equal bytes. Handles are not saved:
   * whoever held some opens them again by `openInode`.
   */
  save(): Uint8Array {
    return encodeTree({ inodes: this.#inodes, next: this.#next })
  }

  stat(path: string): FileStat | Failure {
    const inode = this.#find(path)
    return typeof inode === 'number' ? inode : statInode(inode, this.#dev)
  }

  readlink(path: string): string | Failure {
    const inode = this.#find(path)
    if (typeof inode === 'number') return inode
    return inode.kind === 'symlink' ? inode.target : -Errno.EINVAL
  }

  open(path: string, flags: OpenFlags): FileHandle | Failure {
    if (flags.create && flags.directory) return -Errno.EINVAL
    const found = this.#find(path)
    if (typeof found === 'number') {
      if (found !== -Errno.ENOENT || !flags.create) return found
      const created = this.#createFile(path)
      return typeof created === 'number' ? created : new MemoryHandle(created, flags, this.#owner)
    }
    if (flags.create && flags.exclusive) return -Errno.EEXIST
    return this.#openFound(found, flags)
  }

  /** A new handle to an inode that a handle had before the checkpoint, whether it still has a name or not. */
  openInode(inode: bigint, flags: OpenFlags): FileHandle | Failure {
    const found = this.#inodes.get(Number(inode))
    return found === undefined ? -Errno.ENOENT : this.#openFound(found, flags)
  }

  readdir(path: string): readonly DirectoryEntry[] | Failure {
    const inode = this.#find(path)
    if (typeof inode === 'number') return inode
    if (inode.kind !== 'directory') return -Errno.ENOTDIR
    return [...inode.entries].map(([name, entry]) => ({ name, ino: BigInt(entry.ino), type: entry.kind }))
  }

  mkdir(path: string): number {
    const place = this.#vacant(path)
    if (typeof place === 'number') return place
    const inode: DirectoryInode = { ...this.#base(2), kind: 'directory', entries: new Map() }
    return this.#adopt(place, inode, 0)
  }

  symlink(target: string, path: string): number {
    const wrong = checkTarget(target)
    if (wrong !== 0) return wrong
    const place = this.#vacant(path)
    if (typeof place === 'number') return place
    const inode: SymlinkInode = { ...this.#base(1), kind: 'symlink', target }
    return this.#adopt(place, inode, utf8Length(target))
  }

  link(existing: string, path: string): number {
    const inode = this.#find(existing)
    if (typeof inode === 'number') return inode
    const place = this.#vacant(path)
    if (typeof place === 'number') return place
    if (inode.kind === 'directory') return -Errno.EPERM
    if (!this.#charge(entryCost(place.name))) return -Errno.ENOSPC
    const now = this.#clock()
    place.directory.entries.set(place.name, inode)
    touch(place.directory, now)
    inode.nlink++
    inode.ctim = now
    return 0
  }

  unlink(path: string): number {
    if (path === '') return -Errno.EISDIR
    const place = this.#place(path)
    if (typeof place === 'number') return place
    const inode = place.directory.entries.get(place.name)
    if (inode === undefined) return -Errno.ENOENT
    if (inode.kind === 'directory') return -Errno.EISDIR
    this.#remove(place, inode)
    return 0
  }

  rmdir(path: string): number {
    if (path === '') return -Errno.EBUSY
    const place = this.#place(path)
    if (typeof place === 'number') return place
    const inode = place.directory.entries.get(place.name)
    if (inode === undefined) return -Errno.ENOENT
    if (inode.kind !== 'directory') return -Errno.ENOTDIR
    if (inode.entries.size > 0) return -Errno.ENOTEMPTY
    this.#remove(place, inode)
    return 0
  }

  rename(from: string, to: string): number {
    if (from === '' || to === '') return -Errno.EBUSY
    const source = this.#place(from)
    if (typeof source === 'number') return source
    const target = this.#place(to)
    if (typeof target === 'number') return target
    const moved = source.directory.entries.get(source.name)
    if (moved === undefined) return -Errno.ENOENT
    // No symlink is followed, so that being inside one another can be seen from the paths.
    if (to.startsWith(`${from}/`)) return -Errno.EINVAL
    if (from.startsWith(`${to}/`)) return -Errno.ENOTEMPTY
    const replaced = target.directory.entries.get(target.name)
    if (replaced === moved) return 0
    if (replaced !== undefined) {
      if (moved.kind === 'directory' && replaced.kind !== 'directory') return -Errno.ENOTDIR
      if (moved.kind !== 'directory' && replaced.kind === 'directory') return -Errno.EISDIR
      if (replaced.kind === 'directory' && replaced.entries.size > 0) return -Errno.ENOTEMPTY
      this.#remove(target, replaced)
    }
    this.#move(source, target, moved)
    return 0
  }

  setTimes(path: string, atim: bigint | undefined, mtim: bigint | undefined): number {
    const inode = this.#find(path)
    if (typeof inode === 'number') return inode
    setInodeTimes(inode, atim, mtim, this.#clock())
    return 0
  }

  /**
   * For hosts: puts a file there, with the directories on the way, replacing the content of one that exists. Throws
   * StasisError STASIS_MEMORY_FS_PUT when the path or the space does not allow it.
   */
  put(path: string, bytes: Uint8Array): void {
    const components = path.split('/').filter((component) => component !== '' && component !== '.')
    for (let depth = 1; depth < components.length; depth++) this.mkdir(components.slice(0, depth).join('/'))
    const handle = this.open(components.join('/'), putFlags)
    const written = typeof handle === 'number' ? handle : handle.write(bytes, 0)
    if (typeof handle !== 'number') handle.close()
    if (written !== bytes.length)
      throw new StasisError(
        'STASIS_MEMORY_FS_PUT',
        `"${path}" (${bytes.length} bytes) could not be put into the memory file system: ${putReason(written)}.`,
        { path, errno: written < 0 ? -written : Errno.ENOSPC },
      )
  }

  /** For hosts: a copy of a file's bytes, or undefined where there is no file. */
  get(path: string): Uint8Array | undefined {
    const inode = this.#find(path)
    if (typeof inode === 'number' || inode.kind !== 'file') return undefined
    const bytes = new Uint8Array(inode.content.size)
    inode.content.read(bytes, 0)
    return bytes
  }

  #openFound(inode: Inode, flags: OpenFlags): FileHandle | Failure {
    if (inode.kind === 'symlink') return -Errno.ELOOP
    if (inode.kind === 'directory') {
      if (flags.write || flags.truncate || flags.create) return -Errno.EISDIR
    } else {
      if (flags.directory) return -Errno.ENOTDIR
      if (flags.truncate) {
        inode.content.truncate(0)
        touch(inode, this.#clock())
      }
    }
    return new MemoryHandle(inode, flags, this.#owner)
  }

  #createFile(path: string): FileInode | Failure {
    const place = this.#vacant(path)
    if (typeof place === 'number') return place
    const inode: FileInode = { ...this.#base(1), kind: 'file', content: new SparseContent(this.#budget) }
    const failure = this.#adopt(place, inode, 0)
    return failure === 0 ? inode : failure
  }

  /** The inode that a path names. */
  #find(path: string): Inode | Failure {
    let inode: Inode = this.#root
    if (path === '') return inode
    for (const name of path.split('/')) {
      if (inode.kind !== 'directory') return inode.kind === 'symlink' ? -Errno.ENOTCAPABLE : -Errno.ENOTDIR
      const wrong = checkName(name)
      if (wrong !== 0) return wrong
      const entry = inode.entries.get(name)
      if (entry === undefined) return -Errno.ENOENT
      inode = entry
    }
    return inode
  }

  /** The directory in which a path's last component stands or would stand. */
  #place(path: string): Place | Failure {
    const slash = path.lastIndexOf('/')
    const directory = slash < 0 ? this.#root : this.#find(path.slice(0, slash))
    if (typeof directory === 'number') return directory
    if (directory.kind !== 'directory') return directory.kind === 'symlink' ? -Errno.ENOTCAPABLE : -Errno.ENOTDIR
    const name = path.slice(slash + 1)
    const wrong = checkName(name)
    return wrong === 0 ? { directory, name } : wrong
  }

  #vacant(path: string): Place | Failure {
    if (path === '') return -Errno.EEXIST
    const place = this.#place(path)
    if (typeof place === 'number') return place
    return place.directory.entries.has(place.name) ? -Errno.EEXIST : place
  }

  #base(nlink: number) {
    const now = this.#clock()
    return { ino: this.#next, nlink, open: 0, atim: now, mtim: now, ctim: now }
  }

  #adopt({ directory, name }: Place, inode: Inode, payload: number): number {
    if (!this.#charge(entryCost(name) + payload)) return -Errno.ENOSPC
    this.#next++
    this.#inodes.set(inode.ino, inode)
    directory.entries.set(name, inode)
    if (inode.kind === 'directory') directory.nlink++
    touch(directory, inode.ctim)
    return 0
  }

  #remove({ directory, name }: Place, inode: Inode): void {
    const now = this.#clock()
    directory.entries.delete(name)
    this.#budget.used -= entryCost(name)
    touch(directory, now)
    inode.ctim = now
    if (inode.kind === 'directory') {
      directory.nlink--
      inode.nlink = 0
    } else inode.nlink--
    this.#forgetUnreachable(inode)
  }

  #move(source: Place, target: Place, inode: Inode): void {
    const now = this.#clock()
    source.directory.entries.delete(source.name)
    target.directory.entries.set(target.name, inode)
    this.#budget.used += entryCost(target.name) - entryCost(source.name)
    if (inode.kind === 'directory') {
      source.directory.nlink--
      target.directory.nlink++
    }
    touch(source.directory, now)
    touch(target.directory, now)
    inode.ctim = now
  }

  #forgetUnreachable(inode: Inode): void {
    if (inode.nlink > 0 || inode.open > 0) return
    this.#inodes.delete(inode.ino)
    if (inode.kind === 'file') inode.content.release()
    if (inode.kind === 'symlink') this.#budget.used -= utf8Length(inode.target)
  }

  #charge(bytes: number): boolean {
    if (this.#budget.used + bytes > this.#budget.limit) return false
    this.#budget.used += bytes
    return true
  }
}

function emptyTree(now: bigint): MemoryTree {
  const times = { atim: now, mtim: now, ctim: now }
  const root: Inode = { ino: rootInode, kind: 'directory', nlink: 2, open: 0, ...times, entries: new Map() }
  return { inodes: new Map([[rootInode, root]]), next: rootInode + 1 }
}

function entryCost(name: string): number {
  return inodeCost + utf8Length(name)
}

const putFlags: OpenFlags = {
  read: false,
  write: true,
  append: false,
  create: true,
  exclusive: false,
  truncate: true,
  directory: false,
  dsync: false,
  rsync: false,
  sync: false,
  nonblock: false,
}

function putReason(written: number): string {
  if (written >= 0 || written === -Errno.ENOSPC) return 'it is full; raise maxTotalSize or maxFileSize'
  if (written === -Errno.ENOTDIR || written === -Errno.EISDIR)
    return 'a file stands where a directory is needed, or the reverse'
  return `errno ${-written}; give a relative path without ".." and symlinks`
}
