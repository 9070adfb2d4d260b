import { openFlags } from '../calls/open.ts'
import { OFlags } from '../flags.ts'
import { MemoryFileSystem } from '../fs/memory.ts'

/** What a program had written below one of its directories of the host at some instant. */
export interface WrittenTree {
  /** The guest's name of the directory. */
  readonly guest: string
  /** Files and directories that it had made, as `MemoryFileSystem.save` gives them. */
  readonly tree: Uint8Array
  /** Files that it had changed and that were there before: of what they held nothing is known. */
  readonly unknown: readonly string[]
}

interface Written {
  readonly fs: MemoryFileSystem
  readonly unknown: Set<string>
}

const writing = openFlags(true, true, 0, OFlags.creat)

/** The files of hosts as a replay finds them written by the program: the host itself is not asked. Paths are normalised. */
export class WrittenFiles {
  readonly #mounts = new Map<number, Written>()

  #of(mount: number): Written {
    let written = this.#mounts.get(mount)
    if (written === undefined) {
      written = { fs: MemoryFileSystem.create(() => 0n), unknown: new Set() }
      this.#mounts.set(mount, written)
    }
    return written
  }

  /** Opened to be made or emptied; `isEmpty` where it is known to hold nothing then. */
  opened(mount: number, path: string, isEmpty: boolean): void {
    const { fs, unknown } = this.#of(mount)
    if (isEmpty) {
      unknown.delete(path)
      fs.put(path, new Uint8Array(0))
      this.resize(mount, path, 0)
    } else if (fs.get(path) === undefined) unknown.add(path)
  }

  write(mount: number, path: string, offset: number, bytes: Uint8Array): void {
    this.#change(mount, path, (fs) => {
      const handle = fs.open(path, writing)
      if (typeof handle === 'number') return
      handle.write(bytes, offset)
      handle.close()
    })
  }

  resize(mount: number, path: string, size: number): void {
    this.#change(mount, path, (fs) => {
      const handle = fs.open(path, writing)
      if (typeof handle === 'number') return
      handle.truncate(size)
      handle.close()
    })
  }

  /** Makes sure that it has so many bytes. */
  extend(mount: number, path: string, size: number): void {
    const content = this.#of(mount).fs.get(path)
    if (content === undefined || content.length < size) this.resize(mount, path, size)
  }

  #change(mount: number, path: string, change: (fs: MemoryFileSystem) => void): void {
    const { fs, unknown } = this.#of(mount)
    if (fs.get(path) === undefined) unknown.add(path)
    else change(fs)
  }

  makeDirectory(mount: number, path: string): void {
    const { fs } = this.#of(mount)
    const components = path.split('/')
    for (let depth = 1; depth <= components.length; depth++) fs.mkdir(components.slice(0, depth).join('/'))
  }

  removed(mount: number, path: string): void {
    const { fs, unknown } = this.#of(mount)
    unknown.delete(path)
    if (fs.unlink(path) < 0) fs.rmdir(path)
  }

  renamed(mount: number, from: string, to: string): void {
    const { fs, unknown } = this.#of(mount)
    const isKnown = typeof fs.stat(from) === 'object'
    if (isKnown) {
      const parent = to.slice(0, Math.max(0, to.lastIndexOf('/')))
      if (parent !== '') this.makeDirectory(mount, parent)
      fs.rename(from, to)
      unknown.delete(to)
    } else {
      unknown.delete(from)
      this.removed(mount, to)
      unknown.add(to)
    }
  }

  /** `guests`: names by mount number. */
  trees(guests: readonly string[]): readonly WrittenTree[] {
    return [...this.#mounts].map(([mount, { fs, unknown }]) => ({
      guest: guests[mount]!,
      tree: fs.save(),
      unknown: [...unknown].sort(),
    }))
  }
}
