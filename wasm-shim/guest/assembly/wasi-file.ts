/** Files by the calls of wasi_snapshot_preview1. All functions return 0, or an errno with its sentence. */
import { damaged, EBADMSG, ENOENT, fail, failSystem } from './errors'

// @ts-ignore: decorators of AssemblyScript
@external('wasi_snapshot_preview1', 'fd_prestat_get')
declare function fd_prestat_get(fd: i32, out: usize): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'fd_prestat_dir_name')
declare function fd_prestat_dir_name(fd: i32, path: usize, length: usize): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'path_open')
// biome-ignore format: as in the specification
declare function path_open(fd: i32, lookup: u32, path: usize, length: usize, oflags: u32, rights: u64, inheriting: u64, fdflags: u32, out: usize): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'fd_filestat_get')
declare function fd_filestat_get(fd: i32, out: usize): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'fd_pread')
declare function fd_pread(fd: i32, vectors: usize, count: usize, offset: u64, out: usize): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'fd_pwrite')
declare function fd_pwrite(fd: i32, vectors: usize, count: usize, offset: u64, out: usize): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'fd_filestat_set_size')
declare function fd_filestat_set_size(fd: i32, size: u64): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'fd_sync')
declare function fd_sync(fd: i32): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'fd_close')
declare function fd_close(fd: i32): i32
// @ts-ignore
@external('wasi_snapshot_preview1', 'clock_time_get')
declare function clock_time_get(id: i32, precision: u64, out: usize): i32

/** A vector at 0, a count at 8; also a file's attributes. */
const scratch = memory.data(64, 8)

/** read, write, seek, tell, sync, datasync, filestat_get, filestat_set_size, fdstat_set_flags, advise, allocate. */
const wantedRights: u64 = 0x6001ff
const create: u32 = 1
const followSymlinks: u32 = 1

/** Without `/` and `./` in front, as wasi-libc does. */
function plain(path: string): string {
  let at = 0
  for (;;) {
    if (path.charCodeAt(at) == 47) at++
    else if (path.charCodeAt(at) == 46 && path.charCodeAt(at + 1) == 47) at += 2
    else break
  }
  const rest = path.substring(at)
  return rest == '.' ? '' : rest
}

function preopenName(fd: i32, length: u32): string {
  const bytes = new ArrayBuffer(length)
  if (fd_prestat_dir_name(fd, changetype<usize>(bytes), length) != 0) return '\0'
  return plain(String.UTF8.decode(bytes))
}

function isBelow(path: string, folder: string): bool {
  if (folder.length == 0) return true
  return path.startsWith(folder) && (folder.endsWith('/') || path.charCodeAt(folder.length) == 47)
}

export class WasiFile {
  fd: i32 = -1

  /** Opens the file below the granted directory with the longest name that fits, or makes it. */
  open(path: string): i32 {
    const wanted = plain(path)
    let best = -1
    let bestName = ''
    for (let fd = 3; fd_prestat_get(fd, scratch) == 0; fd++) {
      const name = preopenName(fd, load<u32>(scratch, 4))
      if (!isBelow(wanted, name) || (best >= 0 && name.length < bestName.length)) continue
      best = fd
      bestName = name
    }
    if (best < 0) return fail(ENOENT, `${path} is in no directory that the program was given.`)
    const rest = String.UTF8.encode(plain(wanted.substring(bestName.length)))
    const size = rest.byteLength
    const errno = path_open(best, followSymlinks, changetype<usize>(rest), size, create, wantedRights, wantedRights, 0, scratch)
    if (errno != 0) return failSystem(errno, path)
    this.fd = load<i32>(scratch)
    return 0
  }

  /** Bytes of the file, or -1. */
  size(): i64 {
    return fd_filestat_get(this.fd, scratch) == 0 ? load<i64>(scratch, 32) : -1
  }

  read(target: usize, size: usize, at: u64): i32 {
    let done: usize = 0
    while (done < size) {
      store<usize>(scratch, target + done)
      store<usize>(scratch, size - done, 4)
      const errno = fd_pread(this.fd, scratch, 1, at + done, scratch + 8)
      if (errno != 0) return failSystem(errno, 'The checkpoint file cannot be read')
      const count = load<u32>(scratch, 8)
      if (count == 0) return damaged(at + done)
      done += count
    }
    return 0
  }

  write(bytes: usize, size: usize, at: u64): i32 {
    let done: usize = 0
    while (done < size) {
      store<usize>(scratch, bytes + done)
      store<usize>(scratch, size - done, 4)
      const errno = fd_pwrite(this.fd, scratch, 1, at + done, scratch + 8)
      if (errno != 0) return failSystem(errno, 'The checkpoint file cannot be written')
      done += load<u32>(scratch, 8)
    }
    return 0
  }

  truncate(size: u64): i32 {
    const errno = fd_filestat_set_size(this.fd, size)
    return errno == 0 ? 0 : failSystem(errno, 'The checkpoint file cannot be cut')
  }

  sync(): i32 {
    const errno = fd_sync(this.fd)
    return errno == 0 ? 0 : failSystem(errno, 'The checkpoint file cannot be flushed')
  }

  close(): i32 {
    if (this.fd < 0) return 0
    const errno = fd_close(this.fd)
    this.fd = -1
    return errno == 0 ? 0 : failSystem(errno, 'The checkpoint file cannot be closed')
  }
}

/** Milliseconds since 1970. */
export function now(): u64 {
  return clock_time_get(0, 1000000, scratch) == 0 ? load<u64>(scratch) / 1000000 : 0
}

/** Whether a read failed for what is in the file, and not for the system. */
export function isDamage(errno: i32): bool {
  return errno == EBADMSG
}
