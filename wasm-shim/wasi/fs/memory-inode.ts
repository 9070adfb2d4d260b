/** Inodes of the memory file system: what a name points at. Names live in directories only. */
import { Errno } from '../errno.ts'
import type { FileStat, FileType } from './file-system.ts'
import type { SparseContent } from './memory-content.ts'

interface InodeBase {
  readonly ino: number
  /** Names that point here; for a directory 2 and one more for each subdirectory, as on Linux; 0 once removed. */
  nlink: number
  /** Handles that are open. An inode without names lives on until the last of them is closed. */
  open: number
  atim: bigint
  mtim: bigint
  ctim: bigint
}

export interface FileInode extends InodeBase {
  readonly kind: 'file'
  readonly content: SparseContent
}

export interface DirectoryInode extends InodeBase {
  readonly kind: 'directory'
  /** In the order of creation. */
  readonly entries: Map<string, Inode>
}

export interface SymlinkInode extends InodeBase {
  readonly kind: 'symlink'
  readonly target: string
}

export type Inode = FileInode | DirectoryInode | SymlinkInode

export const rootInode = 1

/** Bytes an inode and its name are counted with, so that empty files cannot fill the host's memory either. */
export const inodeCost = 256

export function statInode(inode: Inode, dev: bigint): FileStat {
  return {
    dev,
    ino: BigInt(inode.ino),
    type: inode.kind satisfies FileType,
    nlink: BigInt(inode.nlink),
    size: BigInt(sizeOf(inode)),
    atim: inode.atim,
    mtim: inode.mtim,
    ctim: inode.ctim,
  }
}

function sizeOf(inode: Inode): number {
  switch (inode.kind) {
    case 'file':
      return inode.content.size
    case 'directory':
      return 0
    case 'symlink':
      return utf8Length(inode.target)
  }
}

const encoder = new TextEncoder()

export function utf8Length(text: string): number {
  return encoder.encode(text).length
}

/** Longest name and longest symlink target in bytes: Linux's NAME_MAX, and PATH_MAX without its terminator. */
const nameMax = 255
const targetMax = 4095

/** 0 for a name a directory entry may have, or the failure that Linux would give. */
export function checkName(name: string): number {
  if (name === '' || name === '.' || name === '..' || name.includes('\0') || name.includes('/')) return -Errno.EINVAL
  // A UTF-16 unit takes three bytes at most, so that short names need no encoding.
  return name.length * 3 > nameMax && utf8Length(name) > nameMax ? -Errno.ENAMETOOLONG : 0
}

export function checkTarget(target: string): number {
  if (target === '') return -Errno.ENOENT
  if (target.includes('\0')) return -Errno.EINVAL
  return target.length * 3 > targetMax && utf8Length(target) > targetMax ? -Errno.ENAMETOOLONG : 0
}

export function setInodeTimes(inode: Inode, atim: bigint | undefined, mtim: bigint | undefined, now: bigint): void {
  if (atim !== undefined) inode.atim = atim
  if (mtim !== undefined) inode.mtim = mtim
  inode.ctim = now
}

export function touch(inode: Inode, now: bigint): void {
  inode.mtim = now
  inode.ctim = now
}
