/**
 * What a mount offers to the kernel: one tree of files, all calls synchronous. Numbers follow the convention of Linux
 * system calls: zero or more is a result, less than zero is a WASI errno negated, and no call throws for a guest's
 * mistake. Paths are relative to the mount's root, normalised by the kernel's resolver: components joined by "/", no
 * "", "." or ".."; the root itself is "". A file system never follows a symlink in any component, the last included:
 * following is the resolver's work, since it alone knows the preopen's boundary. A symlink among the earlier components
 * is ENOTCAPABLE, one that is to be opened itself is ELOOP, and in neither case has anything happened: a resolver may try
 * the whole path first and walk it only then.
 */

/** A negated WASI errno (wasm-shim/wasi/errno.ts), for example -44 for ENOENT. */
export type Failure = number

export type FileType =
  | 'unknown'
  | 'block'
  | 'character'
  | 'directory'
  | 'file'
  | 'socket-dgram'
  | 'socket-stream'
  | 'symlink'

export interface FileStat {
  readonly dev: bigint
  readonly ino: bigint
  readonly type: FileType
  readonly nlink: bigint
  /** Bytes. */
  readonly size: bigint
  /** Nanoseconds since the epoch. */
  readonly atim: bigint
  readonly mtim: bigint
  readonly ctim: bigint
}

export interface OpenFlags {
  readonly read: boolean
  readonly write: boolean
  readonly append: boolean
  readonly create: boolean
  readonly exclusive: boolean
  readonly truncate: boolean
  readonly directory: boolean
  readonly dsync: boolean
  readonly rsync: boolean
  readonly sync: boolean
  readonly nonblock: boolean
}

export interface DirectoryEntry {
  readonly name: string
  readonly ino: bigint
  readonly type: FileType
}

/** Entries as data: a file system's own may find an inode's number only when it is asked for. */
export function plainEntries(entries: readonly DirectoryEntry[]): readonly DirectoryEntry[] {
  return entries.map(({ name, ino, type }) => ({ name, ino, type }))
}

/** An open file or directory. Offsets are the caller's: every access is positioned, so that redoing one is harmless (D9). */
export interface FileHandle {
  /** Number by which `FileSystem.openInode` finds this file again after a restore; only on file systems that save. */
  readonly inode?: bigint
  /** Of an overlay: the path below of a file that the session has not changed. */
  readonly lowerPath?: string | undefined
  /** What opening has found out; absent where `stat` is as quick. */
  readonly type?: FileType
  stat(): FileStat | Failure
  /** Bytes read into `target` from byte `position`; 0 at the end. */
  read(target: Uint8Array, position: number): number
  /** Bytes written at byte `position`, or at the end, atomically, when the handle was opened with `append`. */
  write(source: Uint8Array, position: number): number
  truncate(size: number): number
  /** Makes sure that bytes [offset, offset+length) exist. */
  allocate(offset: number, length: number): number
  sync(dataOnly: boolean): number
  /** Nanoseconds since the epoch; undefined leaves that time alone. */
  setTimes(atim: bigint | undefined, mtim: bigint | undefined): number
  /** Changes append mode after opening (fd_fdstat_set_flags). */
  setAppend(append: boolean): number
  close(): void
}

export interface FileSystem {
  readonly kind: 'host' | 'overlay' | 'memory'
  /** Of an overlay: what lies below. */
  readonly lower?: FileSystem
  /** Of an overlay: paths below of files that stand elsewhere now, or with other times, and whose content did not change. */
  movedBelow?(): readonly string[]
  readonly readOnly: boolean
  stat(path: string): FileStat | Failure
  /** Target text of a symlink. */
  readlink(path: string): string | Failure
  open(path: string, flags: OpenFlags): FileHandle | Failure
  /** Entries without "." and "..", in an order that stays the same while the directory does. */
  readdir(path: string): readonly DirectoryEntry[] | Failure
  mkdir(path: string): number
  rmdir(path: string): number
  unlink(path: string): number
  rename(from: string, to: string): number
  link(existing: string, path: string): number
  symlink(target: string, path: string): number
  setTimes(path: string, atim: bigint | undefined, mtim: bigint | undefined): number
  /**
   * Opens what a handle with this inode number was open on when the file system was saved, whether it still has a name,
   * another one, or none. ENOENT where there is no such inode.
   */
  openInode?(inode: bigint, flags: OpenFlags): FileHandle | Failure
  /** The whole content, for file systems that travel inside a checkpoint ('memory', 'overlay'); absent where they do not ('host'). */
  save?(): Uint8Array
  /** Gives back what the host holds for this mount; it is not used afterwards. */
  close?(): void
}
