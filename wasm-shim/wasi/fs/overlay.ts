import { Errno } from '../errno.ts'
import type { DirectoryEntry, Failure, FileHandle, FileStat, FileSystem, OpenFlags } from './file-system.ts'
import { SparseContent } from './memory-content.ts'
import { checkTarget, inodeCost, utf8Length } from './memory-inode.ts'
import { OverlayHandle } from './overlay-handle.ts'
import { decodeOverlay, detached, encodeOverlay } from './overlay-image.ts'
import { movedFiles } from './overlay-moved.ts'
import { type OverlayNode, ownNode, touchNode } from './overlay-node.ts'
import { type NodePlace, OverlayTree } from './overlay-tree.ts'

/** Bytes that the session's own files and names may take, and that one file may have. */
const newBudget = () => ({ used: 0, limit: 2 ** 30, maxFileSize: 2 ** 32 })

/**
 * A directory that is only read, with what the session changes kept above it in memory, which travels inside checkpoints.
 * To a program it is one directory. A file is copied up by whoever first writes to it; what is renamed keeps its place
 * below. What others change below is seen where the session has changed nothing.
 */
export class OverlayFileSystem implements FileSystem {
  readonly kind = 'overlay'
  readonly readOnly = false
  readonly #tree: OverlayTree

  private constructor(tree: OverlayTree) {
    this.#tree = tree
  }

  /** Without any changes. `clock` gives nanoseconds since the epoch. */
  static create(lower: FileSystem, clock: () => bigint): OverlayFileSystem {
    return new OverlayFileSystem(new OverlayTree(lower, clock, newBudget()))
  }

  /** From the bytes of `save`. Throws StasisError STASIS_OVERLAY_DAMAGED when they are none. */
  static restore(saved: Uint8Array, lower: FileSystem, clock: () => bigint): OverlayFileSystem {
    const budget = newBudget()
    return new OverlayFileSystem(new OverlayTree(lower, clock, budget, decodeOverlay(saved, budget)))
  }

  get lower(): FileSystem {
    return this.#tree.lower
  }

  /** What differs from below, and what is open; the same for the same changes. */
  save(): Uint8Array {
    return encodeOverlay(this.#tree)
  }

  /** All of it as a saved memory file system, for one below which nothing more is known. */
  detach(): Uint8Array {
    return detached(this.#tree)
  }

  movedBelow(): readonly string[] {
    return movedFiles(this.#tree)
  }

  stat(path: string): FileStat | Failure {
    const node = this.#tree.find(path)
    return typeof node === 'number' ? node : this.#tree.stat(node)
  }

  readlink(path: string): string | Failure {
    const node = this.#tree.find(path)
    if (typeof node === 'number') return node
    if (node.kind !== 'symlink') return -Errno.EINVAL
    return node.target ?? this.lower.readlink(node.lower ?? '')
  }

  open(path: string, flags: OpenFlags): FileHandle | Failure {
    if (flags.create && flags.directory) return -Errno.EINVAL
    const found = this.#tree.find(path)
    if (typeof found === 'number') {
      if (found !== -Errno.ENOENT || !flags.create) return found
      const created = this.#create(path, 'file')
      return typeof created === 'number' ? created : new OverlayHandle(created, flags, this.#owner)
    }
    if (flags.create && flags.exclusive) return -Errno.EEXIST
    const wrong = refusal(found, flags)
    if (wrong !== 0) return wrong
    if (found.kind === 'special') return this.lower.open(found.lower ?? '', flags)
    const node = this.#tree.keep(path)
    return typeof node === 'number' ? node : this.#openKept(node, flags)
  }

  openInode(inode: bigint, flags: OpenFlags): FileHandle | Failure {
    const node = this.#tree.nodes.get(Number(inode))
    if (node === undefined) return -Errno.ENOENT
    return refusal(node, flags) || this.#openKept(node, flags)
  }

  #openKept(node: OverlayNode, flags: OpenFlags): FileHandle | Failure {
    const failure = this.#tree.openBelow(node) || (flags.truncate ? this.#empty(node) : 0)
    if (failure < 0) {
      this.#tree.forget(node)
      return failure
    }
    return new OverlayHandle(node, flags, this.#owner)
  }

  #empty(node: OverlayNode): number {
    const failure = this.#tree.copyUp(node, true)
    if (failure < 0) return failure
    node.content!.truncate(0)
    touchNode(node, this.#tree.clock())
    return 0
  }

  readonly #owner = {
    clock: () => this.#tree.clock(),
    stat: (node: OverlayNode) => this.#tree.stat(node),
    own: (node: OverlayNode) => this.#tree.own(node),
    copyUp: (node: OverlayNode, isEmpty: boolean) => this.#tree.copyUp(node, isEmpty),
    closed: (node: OverlayNode) => this.#tree.forget(node),
  }

  readdir(path: string): readonly DirectoryEntry[] | Failure {
    const node = this.#tree.find(path)
    if (typeof node === 'number') return node
    return node.kind === 'directory' ? this.#tree.list(node) : -Errno.ENOTDIR
  }

  mkdir(path: string): number {
    const made = this.#create(path, 'directory')
    return typeof made === 'number' ? made : 0
  }

  symlink(target: string, path: string): number {
    const wrong = checkTarget(target)
    if (wrong !== 0) return wrong
    const made = this.#create(path, 'symlink', target)
    return typeof made === 'number' ? made : 0
  }

  link(existing: string, path: string): number {
    const found = this.#tree.find(existing)
    if (typeof found === 'number') return found
    const place = this.#vacant(path)
    if (typeof place === 'number') return place
    if (found.kind === 'directory') return -Errno.EPERM
    const node = this.#changed(existing)
    if (typeof node === 'number') return node
    const failure = this.#put(place, node)
    if (failure < 0) return failure
    node.nlink++
    node.ctim = this.#tree.clock()
    return 0
  }

  unlink(path: string): number {
    if (path === '') return -Errno.EISDIR
    const found = this.#tree.find(path)
    if (typeof found === 'number') return found
    return found.kind === 'directory' ? -Errno.EISDIR : this.#remove(path)
  }

  rmdir(path: string): number {
    if (path === '') return -Errno.EBUSY
    const found = this.#tree.find(path)
    if (typeof found === 'number') return found
    if (found.kind !== 'directory') return -Errno.ENOTDIR
    return this.#isEmpty(found) || this.#remove(path)
  }

  rename(from: string, to: string): number {
    if (from === '' || to === '') return -Errno.EBUSY
    const source = this.#tree.place(from)
    if (typeof source === 'number') return source
    const target = this.#tree.place(to)
    if (typeof target === 'number') return target
    const moved = this.#tree.find(from)
    if (typeof moved === 'number') return moved
    // No symlink is followed, so that being inside one another can be seen from the paths.
    if (to.startsWith(`${from}/`)) return -Errno.EINVAL
    if (from.startsWith(`${to}/`)) return -Errno.ENOTEMPTY
    const replaced = this.#tree.find(to)
    if (typeof replaced === 'object') {
      if (isSame(moved, replaced)) return 0
      if (moved.kind === 'directory' && replaced.kind !== 'directory') return -Errno.ENOTDIR
      if (moved.kind !== 'directory' && replaced.kind === 'directory') return -Errno.EISDIR
      const wrong = replaced.kind === 'directory' ? this.#isEmpty(replaced) : 0
      if (wrong < 0) return wrong
    }
    const node = this.#changed(from)
    if (typeof node === 'number') return node
    const failure = typeof replaced === 'object' ? this.#remove(to) : 0
    return failure < 0 ? failure : this.#move(source, target, node)
  }

  setTimes(path: string, atim: bigint | undefined, mtim: bigint | undefined): number {
    const node = this.#changed(path)
    if (typeof node === 'number') return node
    if (atim !== undefined) node.atim = atim
    if (mtim !== undefined) node.mtim = mtim
    node.ctim = this.#tree.clock()
    return 0
  }

  close(): void {
    for (const node of this.#tree.nodes.values()) node.handle?.close()
    this.lower.close?.()
  }

  /** 0, or ENOTEMPTY. */
  #isEmpty(directory: OverlayNode): number {
    const entries = this.#tree.list(directory)
    if (typeof entries === 'number') return entries
    return entries.length === 0 ? 0 : -Errno.ENOTEMPTY
  }

  /** A kept node whose times and links are its own. */
  #changed(path: string): OverlayNode | Failure {
    const node = this.#tree.keep(path)
    if (typeof node === 'number') return node
    const failure = this.#tree.own(node)
    return failure < 0 ? failure : node
  }

  #vacant(path: string): NodePlace | Failure {
    if (path === '') return -Errno.EEXIST
    const found = this.#tree.find(path)
    if (typeof found === 'object') return -Errno.EEXIST
    return found === -Errno.ENOENT ? this.#tree.place(path) : found
  }

  #create(path: string, kind: 'file' | 'directory' | 'symlink', target?: string): OverlayNode | Failure {
    const place = this.#vacant(path)
    if (typeof place === 'number') return place
    const node = ownNode(this.#tree.next, kind, this.#tree.clock(), target)
    const failure = this.#put(place, node, utf8Length(target ?? ''))
    if (failure < 0) return failure
    if (kind === 'file') node.content = new SparseContent(this.#tree.budget)
    this.#tree.next++
    this.#tree.nodes.set(node.ino, node)
    if (kind === 'directory') place.directory.nlink++
    return node
  }

  #put({ directory, name }: NodePlace, node: OverlayNode, payload = 0): number {
    const failure = this.#tree.own(directory)
    if (failure < 0) return failure
    if (!this.#tree.charge(inodeCost + utf8Length(name) + payload)) return -Errno.ENOSPC
    directory.entries.set(name, node)
    touchNode(directory, this.#tree.clock())
    return 0
  }

  #remove(path: string): number {
    const place = this.#tree.place(path)
    if (typeof place === 'number') return place
    const node = this.#changed(path)
    if (typeof node === 'number') return node
    const failure = this.#leave(place)
    if (failure < 0) return failure
    const now = this.#tree.clock()
    node.ctim = now
    if (node.kind === 'directory') {
      place.directory.nlink = Math.max(1, place.directory.nlink - 1)
      node.nlink = 0
    } else node.nlink--
    this.#tree.forget(node)
    return 0
  }

  /** A name goes away. */
  #leave(place: NodePlace): number {
    const { directory, name } = place
    const failure = this.#tree.own(directory)
    if (failure < 0) return failure
    if (this.#tree.isBelow(place)) directory.entries.set(name, null)
    else {
      directory.entries.delete(name)
      this.#tree.budget.used -= inodeCost + utf8Length(name)
    }
    touchNode(directory, this.#tree.clock())
    return 0
  }

  #move(source: NodePlace, target: NodePlace, node: OverlayNode): number {
    const failure = this.#put(target, node) || this.#leave(source)
    if (failure < 0) return failure
    if (node.kind === 'directory') {
      source.directory.nlink = Math.max(1, source.directory.nlink - 1)
      target.directory.nlink++
    }
    node.ctim = this.#tree.clock()
    return 0
  }
}

function refusal(node: OverlayNode, flags: OpenFlags): number {
  if (node.kind === 'symlink') return -Errno.ELOOP
  if (node.kind === 'directory') return flags.write || flags.truncate || flags.create ? -Errno.EISDIR : 0
  if (flags.directory) return -Errno.ENOTDIR
  return node.kind === 'special' && (flags.write || flags.truncate) ? -Errno.EROFS : 0
}

/** Two names of one file. What is not kept is known by what below says that it is. */
function isSame(a: OverlayNode, b: OverlayNode): boolean {
  if (a === b) return true
  return a.origin !== undefined && b.origin?.dev === a.origin.dev && b.origin.ino === a.origin.ino
}
