import { performance } from 'node:perf_hooks'

/** Milliseconds after which a file must be found the safe way again. */
const trustedFor = 100
const knownMax = 256

export interface Known<T extends number | bigint> {
  readonly dev: T
  readonly ino: T
  /**
   * Tells an inode from an earlier one of the same number: Node's `birthtimeMs`, which as a number has a fraction, or
   * `birthtimeNs`. A file system that keeps none gives the time of change.
   */
  readonly birth: T
  readonly until: number
}

/**
 * Files that were found the safe way a moment ago. The host's own look-up of a path may be led out of the mount by a
 * symlink swapped in just then; but when it leads to the very file that was found inside, nothing else was reached, and
 * the safe way's system calls (the dear ones, through /proc) are spared. A path's entry is forgotten after a moment, and
 * all are when the program itself renames, links or removes, so that what a path means is never out of date.
 */
export class KnownFiles<T extends number | bigint> {
  readonly #known = new Map<string, Known<T>>()

  find(path: string): Known<T> | undefined {
    const known = this.#known.get(path)
    if (known === undefined || performance.now() < known.until) return known
    this.#known.delete(path)
    return undefined
  }

  /** What the safe way has found. */
  remember(path: string, dev: T, ino: T, birth: T): void {
    if (this.#known.size >= knownMax) this.#known.clear()
    this.#known.set(path, { dev, ino, birth, until: performance.now() + trustedFor })
  }

  forget(): void {
    this.#known.clear()
  }
}

export function isSame<T extends number | bigint>(known: Known<T>, dev: T, ino: T, birth: T): boolean {
  return ino === known.ino && dev === known.dev && birth === known.birth
}
