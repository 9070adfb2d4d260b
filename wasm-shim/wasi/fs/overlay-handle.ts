import { Errno } from '../errno.ts'
import type { FileHandle, FileStat, FileType, OpenFlags } from './file-system.ts'
import { type OverlayNode, touchNode } from './overlay-node.ts'

/** What a handle needs from its file system. */
export interface OverlayOwner {
  readonly clock: () => bigint
  stat(node: OverlayNode): FileStat | number
  /** Times become its own. Zero, or a negated errno. */
  own(node: OverlayNode): number
  /** The content becomes its own, empty where that is wanted. Zero, or a negated errno. */
  copyUp(node: OverlayNode, isEmpty: boolean): number
  closed(node: OverlayNode): void
}

/** Whoever writes first moves the file up for all who have it open. */
export class OverlayHandle implements FileHandle {
  readonly type: FileType
  readonly inode: bigint
  readonly #node: OverlayNode
  readonly #owner: OverlayOwner
  readonly #readable: boolean
  readonly #writable: boolean
  #append: boolean
  #open = true

  constructor(node: OverlayNode, flags: OpenFlags, owner: OverlayOwner) {
    this.type = node.type
    this.inode = BigInt(node.ino)
    this.#node = node
    this.#owner = owner
    this.#readable = flags.read || !flags.write
    this.#writable = flags.write
    this.#append = flags.append
    node.open++
  }

  get lowerPath(): string | undefined {
    const { kind, content, lower } = this.#node
    return kind === 'file' && content === undefined ? lower : undefined
  }

  stat(): FileStat | number {
    return this.#open ? this.#owner.stat(this.#node) : -Errno.EBADF
  }

  read(target: Uint8Array, position: number): number {
    if (!this.#open || !this.#readable) return -Errno.EBADF
    if (!isPosition(position)) return -Errno.EINVAL
    if (target.length === 0) return 0
    const { kind, content, handle } = this.#node
    if (kind === 'directory') return -Errno.EISDIR
    return content?.read(target, position) ?? handle?.read(target, position) ?? -Errno.EIO
  }

  write(source: Uint8Array, position: number): number {
    if (!this.#isWritable) return -Errno.EBADF
    if (!isPosition(position)) return -Errno.EINVAL
    const node = this.#node
    if (source.length === 0) return 0
    const failure = this.#owner.copyUp(node, false)
    if (failure < 0) return failure
    const content = node.content!
    const written = content.write(source, this.#append ? content.size : position)
    if (written > 0) touchNode(node, this.#owner.clock())
    return written
  }

  truncate(size: number): number {
    if (!this.#open) return -Errno.EBADF
    if (!isPosition(size) || !this.#isWritable) return -Errno.EINVAL
    const failure = this.#owner.copyUp(this.#node, size === 0)
    if (failure < 0) return failure
    const result = this.#node.content!.truncate(size)
    if (result === 0) touchNode(this.#node, this.#owner.clock())
    return result
  }

  allocate(offset: number, length: number): number {
    if (!this.#isWritable) return -Errno.EBADF
    const end = offset + length
    if (!isPosition(offset) || !isPosition(length) || length === 0 || !isPosition(end)) return -Errno.EINVAL
    const stat = this.stat()
    if (typeof stat === 'number') return stat
    return end > Number(stat.size) ? this.truncate(end) : 0
  }

  get #isWritable(): boolean {
    return this.#open && this.#writable && this.#node.kind === 'file'
  }

  sync(): number {
    return this.#open ? 0 : -Errno.EBADF
  }

  setTimes(atim: bigint | undefined, mtim: bigint | undefined): number {
    if (!this.#open) return -Errno.EBADF
    const node = this.#node
    const failure = this.#owner.own(node)
    if (failure < 0) return failure
    if (atim !== undefined) node.atim = atim
    if (mtim !== undefined) node.mtim = mtim
    node.ctim = this.#owner.clock()
    return 0
  }

  setAppend(append: boolean): number {
    if (!this.#open) return -Errno.EBADF
    this.#append = append
    return 0
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#node.open--
    this.#owner.closed(this.#node)
  }
}

function isPosition(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
