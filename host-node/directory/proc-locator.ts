import { closeSync, constants, lstatSync, openSync, readlinkSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { attempt } from '../errno.ts'
import { checkEntryName, type Locator, splitPath, tryOpen } from './locator.ts'

/** Linux's O_PATH, which node:fs does not name. The same on every architecture that Node is built for. */
const openPath = 0o10000000
const directoryBits = openPath | constants.O_DIRECTORY | constants.O_NOFOLLOW
const sideEffects = constants.O_CREAT | constants.O_TRUNC
const descriptors = '/proc/self/fd/'

/** Directories held open: a program works in few at a time, and each costs the process a descriptor. */
const heldMax = 16

/** Milliseconds in which opening by path alone may miss that another directory has taken the root's place. */
const rootLookedAtEvery = 100

/**
 * Linux, where /proc/self/fd/N stands for what descriptor N is open on, and reads as where that is now.
 *
 * The root is held open. An operation on a name goes through a held descriptor of its directory, as
 * /proc/self/fd/N/name, after a readlink has shown that this directory is where the path says: then no component is
 * looked up that somebody could have swapped for a symlink. A file that is only opened is opened by its path at once
 * and its descriptor read back, which is one system call less; a mismatch closes it and goes the first way.
 *
 * What remains: a directory that somebody moves out of the root between the check and the call is still operated on,
 * as by every sandbox built on openat; and opening may touch a file outside for a moment (never creating, truncating,
 * reading or blocking), if a directory is swapped just then. When the root itself is moved away and another directory put
 * in its place, files below its subdirectories may be opened there for another 100 ms. Of `shortcut` see KnownFiles.
 */
export class ProcLocator implements Locator {
  readonly #rootFd: number
  #root: string
  #rootLookedAt = 0
  /** By path inside the mount, least recently used first. */
  readonly #held = new Map<string, number>()

  /** Throws what node:fs throws when the root cannot be opened. */
  constructor(hostPath: string) {
    this.#rootFd = openSync(hostPath, openPath | constants.O_DIRECTORY)
    this.#root = readlinkSync(descriptors + this.#rootFd)
  }

  static isAvailable(): boolean {
    try {
      const fd = openSync('/', directoryBits)
      try {
        return readlinkSync(descriptors + fd) === '/'
      } finally {
        closeSync(fd)
      }
    } catch {
      return false
    }
  }

  open(path: string, bits: number): number {
    if (path === '') return tryOpen(`${descriptors}${this.#rootFd}/.`, bits)
    const { parent, name } = splitPath(path)
    const wrong = checkEntryName(name)
    if (wrong !== 0) return wrong
    if (parent !== '' && (bits & sideEffects) === 0) {
      const result = this.#openAtOnce(path, parent, bits)
      if (result !== undefined) return result
    }
    const directory = this.#directoryFd(parent)
    if (directory < 0) return directory
    return tryOpen(`${descriptors}${directory}/${name}`, bits | constants.O_NOFOLLOW)
  }

  entry(path: string): string | number {
    if (path === '') return `${descriptors}${this.#rootFd}/.`
    const { parent, name } = splitPath(path)
    const wrong = checkEntryName(name)
    if (wrong !== 0) return wrong
    const directory = this.#directoryFd(parent)
    return directory < 0 ? directory : `${descriptors}${directory}/${name}`
  }

  directory(path: string): string | number {
    const fd = this.#directoryFd(path)
    return fd < 0 ? fd : descriptors + fd
  }

  shortcut(path: string): string {
    return this.#expected(path)
  }

  close(): void {
    this.#releaseHeld()
    closeSync(this.#rootFd)
  }

  /** Undefined when what was opened is not, or no longer, at this path. */
  #openAtOnce(path: string, parent: string, bits: number): number | undefined {
    if (performance.now() >= this.#rootLookedAt + rootLookedAtEvery) this.#lookAtRoot()
    const root = this.#root
    const expected = this.#expected(path)
    const fd = tryOpen(expected, bits | constants.O_NOFOLLOW)
    if (fd >= 0) {
      if (this.#isAt(fd, expected)) return fd
      closeSync(fd)
      return undefined
    }
    // What is missing behind a symlink is nobody's business here: the error counts only if the directory is real.
    const directory = this.#directoryFd(parent)
    if (directory < 0) return directory
    return this.#root === root ? fd : undefined
  }

  #directoryFd(path: string): number {
    if (path === '') return this.#rootFd
    const held = this.#held.get(path)
    if (held !== undefined) {
      this.#held.delete(path)
      if (this.#isAt(held, this.#expected(path))) {
        this.#held.set(path, held)
        return held
      }
      closeSync(held)
    }
    this.#lookAtRoot()
    const expected = this.#expected(path)
    const fd = tryOpen(expected, directoryBits)
    if (fd < 0) return this.#reasonFor(path, fd)
    if (!this.#isAt(fd, expected)) {
      closeSync(fd)
      return -Errno.ENOTCAPABLE
    }
    if (this.#held.size >= heldMax) this.#releaseOldest()
    this.#held.set(path, fd)
    return fd
  }

  /** Why a directory could not be opened: as reported, unless a symlink stands in the way. */
  #reasonFor(path: string, failure: number): number {
    const { parent, name } = splitPath(path)
    const wrong = checkEntryName(name)
    if (wrong !== 0) return wrong
    const directory = this.#directoryFd(parent)
    if (directory < 0) return directory
    const stat = attempt(() => lstatSync(`${descriptors}${directory}/${name}`))
    return typeof stat === 'object' && stat.isSymbolicLink() ? -Errno.ENOTCAPABLE : failure
  }

  #expected(path: string): string {
    return this.#root === '/' ? `/${path}` : `${this.#root}/${path}`
  }

  #isAt(fd: number, expected: string): boolean {
    return attempt(() => readlinkSync(descriptors + fd)) === expected
  }

  /** The root is a directory and not a name: where somebody has moved it, it is followed. */
  #lookAtRoot(): void {
    this.#rootLookedAt = performance.now()
    const root = attempt(() => readlinkSync(descriptors + this.#rootFd))
    if (typeof root === 'number' || root === this.#root) return
    this.#root = root
    this.#releaseHeld()
  }

  #releaseOldest(): void {
    for (const [path, fd] of this.#held) {
      this.#held.delete(path)
      closeSync(fd)
      return
    }
  }

  #releaseHeld(): void {
    for (const fd of this.#held.values()) closeSync(fd)
    this.#held.clear()
  }
}
