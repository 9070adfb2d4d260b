import { openFlags } from '../calls/open.ts'
import { Errno } from '../errno.ts'
import { join } from '../resolve.ts'
import type { DirectoryEntry, Failure, FileStat, FileSystem } from './file-system.ts'
import { type Budget, SparseContent } from './memory-content.ts'
import { checkName, inodeCost, rootInode, utf8Length } from './memory-inode.ts'
import { lowerNode, type OverlayNode, shownIno } from './overlay-node.ts'

/** A directory in which a name stands or would stand. */
export interface NodePlace {
  readonly directory: OverlayNode
  readonly name: string
}

/** The nodes of an overlay above what lies below: looking up, keeping, copying up and forgetting. */
export class OverlayTree {
  readonly lower: FileSystem
  readonly budget: Budget
  readonly nodes: Map<number, OverlayNode>
  readonly root: OverlayNode
  readonly clock: () => bigint
  next: number
  readonly #device: bigint
  /** What has several names below, by device and number. */
  readonly #linked = new Map<string, OverlayNode>()

  constructor(
    lower: FileSystem,
    clock: () => bigint,
    budget: Budget,
    saved?: { readonly nodes: Map<number, OverlayNode>; readonly next: number },
  ) {
    this.lower = lower
    this.clock = clock
    this.budget = budget
    const stat = lower.stat('')
    this.#device = typeof stat === 'object' ? stat.dev : 0n
    this.nodes = saved?.nodes ?? new Map()
    this.next = saved?.next ?? rootInode + 1
    this.root = this.nodes.get(rootInode) ?? this.#makeRoot(stat)
    for (const node of this.nodes.values()) this.#remember(node)
  }

  #makeRoot(stat: FileStat | Failure): OverlayNode {
    const blank = { type: 'directory', dev: 0n, ino: 1n } as FileStat
    const root = { ...lowerNode('', typeof stat === 'object' ? stat : blank), ino: rootInode }
    this.nodes.set(rootInode, root)
    return root
  }

  #remember(node: OverlayNode): void {
    if (node.kind !== 'directory' && node.origin !== undefined) this.#linked.set(originKey(node.origin), node)
  }

  /** What a path names: a kept node, or, with number 0, a look at what lies below. */
  find(path: string): OverlayNode | Failure {
    let node = this.root
    if (path === '') return node
    for (let start = 0; ; ) {
      if (node.kind !== 'directory') return node.kind === 'symlink' ? -Errno.ENOTCAPABLE : -Errno.ENOTDIR
      const slash = path.indexOf('/', start)
      const name = path.slice(start, slash === -1 ? undefined : slash)
      const wrong = checkName(name)
      if (wrong !== 0) return wrong
      const entry = node.entries.get(name)
      if (entry === null) return -Errno.ENOENT
      // Nothing that is kept stands below what is not.
      if (entry === undefined) return this.#look(node, path.slice(start))
      if (slash === -1) return entry
      node = entry
      start = slash + 1
    }
  }

  #look(directory: OverlayNode, rest: string): OverlayNode | Failure {
    if (directory.lower === undefined) return -Errno.ENOENT
    const path = join(directory.lower, rest)
    const stat = this.lower.stat(path)
    if (typeof stat === 'number') return stat
    const known = stat.type !== 'directory' && stat.nlink > 1n ? this.#linked.get(originKey(stat)) : undefined
    return known ?? lowerNode(path, stat)
  }

  /** The same, kept from now on, with the directories on the way. */
  keep(path: string): OverlayNode | Failure {
    const found = this.find(path)
    if (typeof found === 'number') return found
    let node = this.root
    if (path === '') return node
    for (const name of path.split('/')) {
      const entry = node.entries.get(name) ?? this.#look(node, name)
      if (typeof entry === 'number') return entry
      if (node.entries.get(name) !== entry) {
        if (!this.charge(inodeCost + utf8Length(name))) return -Errno.ENOSPC
        node.entries.set(name, entry)
        if (entry.ino === 0) {
          entry.ino = this.next++
          entry.place = { directory: node, name }
        } else entry.isChanged = true
        this.nodes.set(entry.ino, entry)
        this.#remember(entry)
      }
      node = entry
    }
    return node
  }

  /** Where a path's last component stands or would stand; the directory is kept. */
  place(path: string): NodePlace | Failure {
    const slash = path.lastIndexOf('/')
    const parent = slash < 0 ? '' : path.slice(0, slash)
    const looked = this.find(parent)
    if (typeof looked === 'number') return looked
    if (looked.kind !== 'directory') return looked.kind === 'symlink' ? -Errno.ENOTCAPABLE : -Errno.ENOTDIR
    const name = path.slice(slash + 1)
    const wrong = checkName(name)
    if (wrong !== 0) return wrong
    const directory = this.keep(parent)
    return typeof directory === 'number' ? directory : { directory, name }
  }

  /** Whether a directory below still has that name, so that removing it needs a mark. */
  isBelow({ directory, name }: NodePlace): boolean {
    return directory.lower !== undefined && typeof this.lower.stat(join(directory.lower, name)) !== 'number'
  }

  stat(node: OverlayNode): FileStat | Failure {
    const shown = { dev: 0n, ino: shownIno(node, this.#device) }
    const below = node.content === undefined && node.lower !== undefined ? this.#statBelow(node, node.lower) : undefined
    if (typeof below === 'number') return below
    if (!node.isOwn && below !== undefined) return { ...below, ...shown }
    const { type, atim, mtim, ctim } = node
    const size = below?.size ?? BigInt(node.content?.size ?? utf8Length(node.target ?? ''))
    return {
      ...shown,
      type,
      nlink: BigInt(node.nlink),
      size: node.kind === 'directory' ? (below?.size ?? 0n) : size,
      atim,
      mtim,
      ctim,
    }
  }

  /** By the open handle where there is one: the name below may mean something else by now. */
  #statBelow(node: OverlayNode, path: string): FileStat | Failure {
    return node.handle?.stat() ?? this.lower.stat(path)
  }

  own(node: OverlayNode): number {
    node.isChanged = true
    if (node.isOwn) return 0
    const stat = this.#statBelow(node, node.lower ?? '')
    if (typeof stat === 'number') return stat
    node.atim = stat.atim
    node.mtim = stat.mtim
    node.ctim = stat.ctim
    node.nlink = Number(stat.nlink)
    node.isOwn = true
    return 0
  }

  /** Opens a kept file below for reading, once for all its handles. */
  openBelow(node: OverlayNode): number {
    if (node.kind !== 'file' || node.content !== undefined || node.handle !== undefined) return 0
    const handle = this.lower.open(node.lower ?? '', openFlags(true, false, 0))
    if (typeof handle === 'number') return handle
    node.handle = handle
    return 0
  }

  copyUp(node: OverlayNode, isEmpty: boolean): number {
    if (node.content !== undefined) return 0
    const failure = this.own(node) || (isEmpty ? 0 : this.openBelow(node))
    if (failure < 0) return failure
    const content = new SparseContent(this.budget)
    const copied = isEmpty ? 0 : copy(node, content)
    if (copied < 0) {
      content.release()
      return copied
    }
    node.content = content
    node.lower = undefined
    node.handle?.close()
    node.handle = undefined
    return 0
  }

  list(node: OverlayNode): readonly DirectoryEntry[] | Failure {
    const below = node.lower === undefined ? [] : this.lower.readdir(node.lower)
    if (typeof below === 'number') return below
    const own = [...node.entries].flatMap(([name, entry]) =>
      entry === null ? [] : [{ name, ino: shownIno(entry, this.#device), type: entry.type }],
    )
    return [...below.filter(({ name }) => !node.entries.has(name)), ...own]
  }

  /** Nobody has it open any more, or its last name is gone. */
  forget(node: OverlayNode): void {
    if (node.open > 0) return
    if (node.isOwn && node.nlink <= 0) {
      this.nodes.delete(node.ino)
      node.content?.release()
      if (node.origin !== undefined) this.#linked.delete(originKey(node.origin))
    } else if (!node.isChanged && node.kind !== 'directory' && node.place !== undefined) {
      const { directory, name } = node.place
      if (directory.entries.get(name) === node) {
        directory.entries.delete(name)
        this.budget.used -= inodeCost + utf8Length(name)
      }
      this.nodes.delete(node.ino)
      if (node.origin !== undefined) this.#linked.delete(originKey(node.origin))
    }
    node.handle?.close()
    node.handle = undefined
  }

  charge(bytes: number): boolean {
    if (this.budget.used + bytes > this.budget.limit) return false
    this.budget.used += bytes
    return true
  }
}

const originKey = ({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string => `${dev}:${ino}`

function copy(node: OverlayNode, content: SparseContent): number {
  const buffer = new Uint8Array(65536)
  for (let at = 0; ; ) {
    const count = node.handle!.read(buffer, at)
    if (count <= 0) return count
    const written = content.write(buffer.subarray(0, count), at)
    if (written < count) return -Errno.ENOSPC
    at += count
  }
}
