import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  readSync,
  writeSync,
} from 'node:fs'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import type { FileHandle, FileStat, FileType } from '../../wasm-shim/wasi/fs/file-system.ts'
import { attempt, attemptVoid, failureOf } from '../errno.ts'
import { toFileStat } from './host-stat.ts'
import type { TimeSetter } from './set-times.ts'

export interface HandleOptions {
  readonly type: FileType
  readonly readable: boolean
  readonly writable: boolean
  readonly append: boolean
  /** Of the mount: the times of its files are not the program's to set. */
  readonly readOnly: boolean
  readonly times: TimeSetter
  /** Opens the same file again with or without O_APPEND; undefined where the host cannot. */
  readonly reopen: ((fd: number, append: boolean) => number) | undefined
}

export class HostHandle implements FileHandle {
  readonly #options: HandleOptions
  readonly type: FileType
  /** -1 once closed. */
  #fd: number
  #append: boolean

  constructor(fd: number, options: HandleOptions) {
    this.type = options.type
    this.#fd = fd
    this.#options = options
    this.#append = options.append
  }

  stat(): FileStat | number {
    const stat = this.#stat()
    return typeof stat === 'number' ? stat : this.#options.times.exact(stat)
  }

  read(target: Uint8Array, position: number): number {
    if (this.#fd < 0 || !this.#options.readable) return -Errno.EBADF
    if (!isPosition(position)) return -Errno.EINVAL
    try {
      return readSync(this.#fd, target, 0, target.length, position)
    } catch (error) {
      return failureOf(error)
    }
  }

  write(source: Uint8Array, position: number): number {
    if (this.#fd < 0 || !this.#options.writable) return -Errno.EBADF
    if (!isPosition(position)) return -Errno.EINVAL
    // Without a position O_APPEND holds on every system; with one, POSIX leaves it to the system.
    try {
      return writeSync(this.#fd, source, 0, source.length, this.#append ? null : position)
    } catch (error) {
      return failureOf(error)
    }
  }

  truncate(size: number): number {
    if (this.#fd < 0) return -Errno.EBADF
    if (!isPosition(size) || !this.#options.writable) return -Errno.EINVAL
    return attemptVoid(() => ftruncateSync(this.#fd, size))
  }

  /** Node cannot reserve blocks: the file is extended by a hole, and a full disk shows at the write. */
  allocate(offset: number, length: number): number {
    if (this.#fd < 0 || !this.#options.writable) return -Errno.EBADF
    const end = offset + length
    if (!isPosition(offset) || !isPosition(length) || length === 0 || !isPosition(end)) return -Errno.EINVAL
    const stat = this.#stat()
    if (typeof stat === 'number') return stat
    return stat.size < BigInt(end) ? this.truncate(end) : 0
  }

  sync(dataOnly: boolean): number {
    if (this.#fd < 0) return -Errno.EBADF
    return attemptVoid(() => (dataOnly ? fdatasyncSync(this.#fd) : fsyncSync(this.#fd)))
  }

  setTimes(atim: bigint | undefined, mtim: bigint | undefined): number {
    if (this.#fd < 0) return -Errno.EBADF
    if (this.#options.readOnly) return -Errno.EROFS
    const store = (a: number, m: number) => attemptVoid(() => futimesSync(this.#fd, a, m))
    return this.#options.times.set(() => this.#stat(), store, atim, mtim)
  }

  setAppend(append: boolean): number {
    if (this.#fd < 0) return -Errno.EBADF
    if (append === this.#append) return 0
    const { reopen, writable } = this.#options
    if (writable) {
      if (reopen === undefined) return -Errno.ENOTSUP
      const fd = reopen(this.#fd, append)
      if (fd < 0) return fd
      closeSync(this.#fd)
      this.#fd = fd
    }
    this.#append = append
    return 0
  }

  close(): void {
    if (this.#fd < 0) return
    const fd = this.#fd
    this.#fd = -1
    // The contract has no result for close; data that could not be written was reported by write or sync.
    attemptVoid(() => closeSync(fd))
  }

  #stat(): FileStat | number {
    if (this.#fd < 0) return -Errno.EBADF
    const stats = attempt(() => fstatSync(this.#fd, { bigint: true }))
    return typeof stats === 'number' ? stats : toFileStat(stats)
  }
}

function isPosition(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
