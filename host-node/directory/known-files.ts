import type { BigIntStats } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** Milliseconds after which a file must be found the safe way again. */
const trustedFor = 100
const knownMax = 256

interface Known {
  readonly dev: bigint
  readonly ino: bigint
  /** Tells an inode from an earlier one of the same number. A file system that keeps none gives the time of change. */
  readonly birthtimeNs: bigint
  readonly until: number
}

/**
 * Files that were found the safe way a moment ago. The host's own look-up of a path may be led out of the mount by a
 * symlink swapped in just then; but when it leads to the very file that was found inside, nothing else was reached, and
 * the safe way's system calls (the dear ones, through /proc) are spared. A path's entry is forgotten after a moment, and
 * all are when the program itself renames, links or removes, so that what a path means is never out of date.
 */
export class KnownFiles {
  readonly #known = new Map<string, Known>()

  has(path: string): boolean {
    const known = this.#known.get(path)
    if (known === undefined) return false
    if (performance.now() < known.until) return true
    this.#known.delete(path)
    return false
  }

  isSame(path: string, stats: BigIntStats): boolean {
    const known = this.#known.get(path)
    return (
      known !== undefined &&
      stats.ino === known.ino &&
      stats.dev === known.dev &&
      stats.birthtimeNs === known.birthtimeNs
    )
  }

  /** What the safe way has found. */
  remember(path: string, { dev, ino, birthtimeNs }: BigIntStats): void {
    if (this.#known.size >= knownMax) this.#known.clear()
    this.#known.set(path, { dev, ino, birthtimeNs, until: performance.now() + trustedFor })
  }

  forget(): void {
    this.#known.clear()
  }
}
