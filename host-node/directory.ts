import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { StasisError } from '../wasm-shim/errors.ts'
import { Errno } from '../wasm-shim/wasi/errno.ts'
import type {
  DirectoryEntry,
  Failure,
  FileHandle,
  FileStat,
  FileSystem,
  FileType,
  OpenFlags,
} from '../wasm-shim/wasi/fs/file-system.ts'
import { HostHandle } from './directory/handle.ts'
import { HostEntry, toFileStat, typeOf } from './directory/host-stat.ts'
import { isSame, type Known, KnownFiles } from './directory/known-files.ts'
import { type Locator, tryOpen } from './directory/locator.ts'
import { ProcLocator } from './directory/proc-locator.ts'
import { TimeSetter } from './directory/set-times.ts'
import { WalkLocator } from './directory/walk-locator.ts'
import { attempt, attemptVoid } from './errno.ts'

export interface DirectoryOptions {
  /** Refuse every change with EROFS. Default false. */
  readonly readOnly?: boolean
  /** How paths are kept inside: by /proc/self/fd or by looking first. Default: the former wherever there is one. */
  readonly locate?: 'proc' | 'walk'
}

const knownOptions: ReadonlySet<string> = new Set(['readOnly', 'locate'])

/**
 * Mounts a real directory. No call leaves it: see ProcLocator (Linux, also against others who swap symlinks meanwhile)
 * and WalkLocator (elsewhere, symlinks that are there) for how far that goes. Names that are not UTF-8 are listed with
 * replacement characters and cannot be opened. Entries are listed in ascending order of name. Throws StasisError
 * STASIS_MOUNT_UNAVAILABLE when the directory cannot be opened.
 */
export function openDirectory(hostPath: string, options: DirectoryOptions = {}): FileSystem {
  for (const key of Object.keys(options))
    if (!knownOptions.has(key))
      throw new StasisError('STASIS_OPTION_UNKNOWN', `A directory mount has no option "${key}".`, { option: key })
  return new HostDirectory(openLocator(hostPath, options.locate), options.readOnly ?? false)
}

function openLocator(hostPath: string, locate: 'proc' | 'walk' | undefined): Locator {
  const wanted = locate ?? (process.platform === 'linux' && ProcLocator.isAvailable() ? 'proc' : 'walk')
  try {
    return wanted === 'proc' ? new ProcLocator(hostPath) : new WalkLocator(hostPath)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError(
      'STASIS_MOUNT_UNAVAILABLE',
      `The directory "${hostPath}" cannot be mounted: ${reason}. Give a directory that exists and may be read.`,
      { path: hostPath },
      { cause },
    )
  }
}

/** Without it, opening a FIFO would block the guest's thread, where no checkpoint request could reach it. */
const nonBlocking = constants.O_NONBLOCK ?? 0

function openBits(flags: OpenFlags): number {
  let bits = (flags.write ? (flags.read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY) | nonBlocking
  if (flags.append) bits |= constants.O_APPEND
  if (flags.create) bits |= constants.O_CREAT | (flags.exclusive ? constants.O_EXCL : 0)
  if (flags.truncate) bits |= constants.O_TRUNC
  if (flags.directory) bits |= constants.O_DIRECTORY ?? 0
  if (flags.dsync) bits |= constants.O_DSYNC ?? 0
  if (flags.sync || flags.rsync) bits |= constants.O_SYNC ?? 0
  return bits
}

class HostDirectory implements FileSystem {
  readonly kind = 'host'
  readonly readOnly: boolean
  readonly #locator: Locator
  readonly #times = new TimeSetter()
  /** By opening and by looking at them. */
  readonly #opened = new KnownFiles<number>()
  readonly #seen = new KnownFiles<bigint>()

  constructor(locator: Locator, readOnly: boolean) {
    this.#locator = locator
    this.readOnly = readOnly
  }

  stat(path: string): FileStat | Failure {
    const stat = this.#stat(path)
    return typeof stat === 'number' ? stat : this.#times.exact(stat)
  }

  readlink(path: string): string | Failure {
    const target = this.#locator.entry(path)
    return typeof target === 'number' ? target : attempt(() => readlinkSync(target))
  }

  open(path: string, flags: OpenFlags): FileHandle | Failure {
    if (flags.create && flags.directory) return -Errno.EINVAL
    let bits = openBits(flags)
    if (this.readOnly && (flags.write || flags.create || flags.truncate)) {
      const refusal = this.#refuseChange(path, flags)
      if (refusal !== 0) return refusal
      bits &= ~constants.O_CREAT
    }
    const hasSideEffects = flags.create || flags.truncate
    const known = hasSideEffects ? undefined : this.#opened.find(path)
    if (known !== undefined) {
      const handle = this.#openKnown(path, known, bits, flags)
      if (handle !== undefined) return handle
    }
    const fd = this.#locator.open(path, bits)
    if (fd < 0) return flags.directory && fd === -Errno.ENOTDIR ? this.#notDirectory(path) : fd
    const stats = attempt(() => fstatSync(fd))
    if (typeof stats === 'number') {
      closeSync(fd)
      return stats
    }
    this.#opened.remember(path, stats.dev, stats.ino, stats.birthtimeMs)
    return this.#handle(fd, typeOf(stats.mode), flags)
  }

  #openKnown(path: string, known: Known<number>, bits: number, flags: OpenFlags): HostHandle | undefined {
    const shortcut = this.#locator.shortcut(path)
    if (shortcut === undefined) return undefined
    const fd = tryOpen(shortcut, bits | constants.O_NOFOLLOW)
    if (fd < 0) return undefined
    const stats = attempt(() => fstatSync(fd))
    if (typeof stats === 'object' && isSame(known, stats.dev, stats.ino, stats.birthtimeMs))
      return this.#handle(fd, typeOf(stats.mode), flags)
    closeSync(fd)
    return undefined
  }

  #handle(fd: number, type: FileType, flags: OpenFlags): HostHandle {
    return new HostHandle(fd, {
      type,
      readable: flags.read || !flags.write,
      writable: flags.write,
      append: flags.append,
      readOnly: this.readOnly,
      times: this.#times,
      reopen: this.#locator instanceof ProcLocator ? (old, append) => reopen(old, flags, append) : undefined,
    })
  }

  readdir(path: string): readonly DirectoryEntry[] | Failure {
    const directory = this.#locator.directory(path)
    if (typeof directory === 'number')
      return directory === -Errno.ENOTCAPABLE && this.#isSymlink(path) ? -Errno.ENOTDIR : directory
    const entries = attempt(() => readdirSync(directory, { withFileTypes: true }))
    if (typeof entries === 'number') return entries
    const find = (name: string) => this.#locator.entry(path === '' ? name : `${path}/${name}`)
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1)).map((entry) => new HostEntry(entry, find))
  }

  mkdir(path: string): number {
    if (path === '') return -Errno.EEXIST
    return this.#create(path, (target) => mkdirSync(target))
  }

  symlink(target: string, path: string): number {
    if (target === '') return -Errno.ENOENT
    if (path === '') return -Errno.EEXIST
    return this.#create(path, (entry) => symlinkSync(target, entry))
  }

  link(existing: string, path: string): number {
    const source = this.#locator.entry(existing)
    if (typeof source === 'number') return source
    const result = path === '' ? -Errno.EEXIST : this.#create(path, (target) => linkSync(source, target))
    if (result === 0) return 0
    // Of two reasons Linux gives the one that concerns the existing file.
    const stat = this.#stat(existing)
    return typeof stat === 'number' ? stat : result
  }

  unlink(path: string): number {
    if (this.readOnly) return -Errno.EROFS
    if (path === '') return -Errno.EISDIR
    const target = this.#locator.entry(path)
    if (typeof target === 'number') return target
    const result = this.#change(() => unlinkSync(target))
    // POSIX says EPERM for a directory, Linux and preview1's reference say EISDIR.
    if (result !== -Errno.EPERM) return result
    const stat = this.#stat(path)
    return typeof stat === 'object' && stat.type === 'directory' ? -Errno.EISDIR : result
  }

  rmdir(path: string): number {
    if (this.readOnly) return -Errno.EROFS
    if (path === '') return -Errno.EBUSY
    const target = this.#locator.entry(path)
    return typeof target === 'number' ? target : this.#change(() => rmdirSync(target))
  }

  rename(from: string, to: string): number {
    if (this.readOnly) return -Errno.EROFS
    if (from === '' || to === '') return -Errno.EBUSY
    const source = this.#locator.entry(from)
    if (typeof source === 'number') return source
    const target = this.#locator.entry(to)
    return typeof target === 'number' ? target : this.#change(() => renameSync(source, target))
  }

  setTimes(path: string, atim: bigint | undefined, mtim: bigint | undefined): number {
    if (this.readOnly) return -Errno.EROFS
    const target = this.#locator.entry(path)
    if (typeof target === 'number') return target
    const store = (a: number, m: number) => attemptVoid(() => lutimesSync(target, a, m))
    return this.#times.set(() => this.#stat(path), store, atim, mtim)
  }

  close(): void {
    this.#locator.close()
  }

  #stat(path: string): FileStat | Failure {
    const known = this.#seen.find(path)
    if (known !== undefined) {
      const shortcut = this.#locator.shortcut(path)
      const stats = shortcut === undefined ? 0 : lookAt(shortcut)
      if (typeof stats === 'object' && isSame(known, stats.dev, stats.ino, stats.birthtimeNs)) return toFileStat(stats)
    }
    const target = this.#locator.entry(path)
    if (typeof target === 'number') return target
    const stats = lookAt(target)
    if (typeof stats === 'number') return stats
    this.#seen.remember(path, stats.dev, stats.ino, stats.birthtimeNs)
    return toFileStat(stats)
  }

  /** Paths may mean something else afterwards. */
  #change(call: () => void): number {
    this.#opened.forget()
    this.#seen.forget()
    return attemptVoid(call)
  }

  #create(path: string, call: (target: string) => void): number {
    const target = this.#locator.entry(path)
    if (typeof target === 'number') return target
    if (!this.readOnly) return this.#change(() => call(target))
    return typeof this.#stat(path) === 'object' ? -Errno.EEXIST : -Errno.EROFS
  }

  /** What opening gives on a read-only mount, in Linux's order of errors; 0 if nothing would be changed. */
  #refuseChange(path: string, flags: OpenFlags): number {
    const stat = this.#stat(path)
    if (typeof stat === 'number') return stat === -Errno.ENOENT && flags.create ? -Errno.EROFS : stat
    if (flags.create && flags.exclusive) return -Errno.EEXIST
    if (stat.type === 'symlink') return -Errno.ELOOP
    if (stat.type === 'directory') return -Errno.EISDIR
    if (flags.directory) return -Errno.ENOTDIR
    return flags.write || flags.truncate ? -Errno.EROFS : 0
  }

  /** Linux says ENOTDIR for a symlink too; the resolver has to know. */
  #notDirectory(path: string): number {
    return this.#isSymlink(path) ? -Errno.ELOOP : -Errno.ENOTDIR
  }

  #isSymlink(path: string): boolean {
    const stat = this.#stat(path)
    return typeof stat === 'object' && stat.type === 'symlink'
  }
}

function lookAt(hostPath: string): BigIntStats | Failure {
  return attempt(() => lstatSync(hostPath, { bigint: true, throwIfNoEntry: false })) ?? -Errno.ENOENT
}

/** The same file, even when it has no name any more, with or without O_APPEND, which node:fs cannot change. */
function reopen(fd: number, flags: OpenFlags, append: boolean): number {
  const bits = openBits({ ...flags, append, create: false, exclusive: false, truncate: false })
  return attempt(() => openSync(`/proc/self/fd/${fd}`, bits))
}
