import { Errno } from '../errno.ts'
import type { FileHandle, FileStat, OpenFlags } from './file-system.ts'
import { type Inode, setInodeTimes, statInode, touch } from './memory-inode.ts'

/** What a handle needs from its file system. */
export interface HandleOwner {
  readonly dev: bigint
  readonly clock: () => bigint
  readonly closed: (inode: Inode) => void
}

export class MemoryHandle implements FileHandle {
  readonly inode: bigint
  readonly #inode: Inode
  readonly #owner: HandleOwner
  readonly #readable: boolean
  readonly #writable: boolean
  #append: boolean
  #open = true

  constructor(inode: Inode, flags: OpenFlags, owner: HandleOwner) {
    this.inode = BigInt(inode.ino)
    this.#inode = inode
    this.#owner = owner
    this.#readable = flags.read || !flags.write
    this.#writable = flags.write
    this.#append = flags.append
    inode.open++
  }

  stat(): FileStat | number {
    return this.#open ? statInode(this.#inode, this.#owner.dev) : -Errno.EBADF
  }

  read(target: Uint8Array, position: number): number {
    if (!this.#open || !this.#readable) return -Errno.EBADF
    if (!isPosition(position)) return -Errno.EINVAL
    if (target.length === 0) return 0
    if (this.#inode.kind !== 'file') return -Errno.EISDIR
    return this.#inode.content.read(target, position)
  }

  write(source: Uint8Array, position: number): number {
    if (!this.#open || !this.#writable || this.#inode.kind !== 'file') return -Errno.EBADF
    if (!isPosition(position)) return -Errno.EINVAL
    const { content } = this.#inode
    const written = content.write(source, this.#append ? content.size : position)
    if (written > 0) touch(this.#inode, this.#owner.clock())
    return written
  }

  truncate(size: number): number {
    if (!this.#open) return -Errno.EBADF
    if (!isPosition(size) || !this.#writable || this.#inode.kind !== 'file') return -Errno.EINVAL
    const result = this.#inode.content.truncate(size)
    if (result === 0) touch(this.#inode, this.#owner.clock())
    return result
  }

  allocate(offset: number, length: number): number {
    if (!this.#open || !this.#writable || this.#inode.kind !== 'file') return -Errno.EBADF
    const end = offset + length
    if (!isPosition(offset) || !isPosition(length) || length === 0 || !isPosition(end)) return -Errno.EINVAL
    return end > this.#inode.content.size ? this.truncate(end) : 0
  }

  sync(): number {
    return this.#open ? 0 : -Errno.EBADF
  }

  setTimes(atim: bigint | undefined, mtim: bigint | undefined): number {
    if (!this.#open) return -Errno.EBADF
    setInodeTimes(this.#inode, atim, mtim, this.#owner.clock())
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
    this.#inode.open--
    this.#owner.closed(this.#inode)
  }
}

function isPosition(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
