import { type Call, type Context, descriptorAt } from '../context.ts'
import { Errno } from '../errno.ts'
import { FileTypeNumber } from '../flags.ts'
import type { DirectoryEntry } from '../fs/file-system.ts'
import { dirent } from '../layout.ts'
import type { DirectoryDescriptor } from '../state.ts'

interface ReadDirectory {
  readonly bufused: number
  /** What the rest of the walk reads from; null when it is over. */
  readonly listing: readonly DirectoryEntry[] | null
}

const encoder = new TextEncoder()
const header = new DataView(new ArrayBuffer(dirent.size))
const headerBytes = new Uint8Array(header.buffer)

/** Entries with "." and ".." first. Cookies are positions in this list; the one to go on with is the next one's. */
function list(context: Context, directory: DirectoryDescriptor): readonly DirectoryEntry[] | number {
  const fs = context.fileSystems[directory.mount]!
  const entries = fs.readdir(directory.path)
  if (typeof entries === 'number') return entries
  const stat = fs.stat(directory.path)
  const ino = typeof stat === 'number' ? 0n : stat.ino
  // The parent of a preopen is not the guest's to know.
  return [{ name: '.', ino, type: 'directory' }, { name: '..', ino, type: 'directory' }, ...entries]
}

function readDirectory(context: Context, fd: number, target: Uint8Array, cookie: bigint): ReadDirectory | number {
  const directory = descriptorAt(context, fd)
  if (directory?.kind !== 'directory') return -Errno.EBADF
  if (directory.deleted) return -Errno.ENOENT
  const listing = cookie === 0n || directory.listing === null ? list(context, directory) : directory.listing
  if (typeof listing === 'number') return listing
  let used = 0
  let index = cookie < BigInt(listing.length) ? Number(cookie) : listing.length
  for (; index < listing.length && used < target.length; index++) {
    const { name, ino, type } = listing[index]!
    const bytes = encoder.encode(name)
    header.setBigUint64(0, BigInt(index + 1), true)
    header.setBigUint64(8, ino, true)
    header.setUint32(16, bytes.length, true)
    header.setUint8(20, FileTypeNumber[type])
    // An entry that does not fit is cut: a full buffer tells the guest to ask again from that entry.
    used += copy(headerBytes, target, used)
    used += copy(bytes, target, used)
  }
  return { bufused: used, listing: used < target.length ? null : listing }
}

function copy(source: Uint8Array, target: Uint8Array, at: number): number {
  const count = Math.min(source.length, target.length - at)
  target.set(count === source.length ? source : source.subarray(0, count), at)
  return count
}

export const directoryCalls: Readonly<Record<string, Call>> = {
  fd_readdir: {
    perform: readDirectory,
    apply: (state, { listing }: ReadDirectory, fd: number) => {
      const directory = state.fds[fd]
      if (directory?.kind === 'directory') directory.listing = listing
    },
  },
}
