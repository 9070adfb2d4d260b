/**
 * Preview1's flags and enumerations as data: numbers by name, for the kernel and for views that print calls
 * (WASI preview1 witx, `typenames.witx`).
 */

export type Names = Readonly<Record<string, number>>

export const Whence = { set: 0, cur: 1, end: 2 } as const
/** `wasi_unstable` numbers whence differently. */
export const WhenceUnstable = { cur: 0, end: 1, set: 2 } as const

export const ClockId = { realtime: 0, monotonic: 1, process_cputime: 2, thread_cputime: 3 } as const

export const Advice = { normal: 0, sequential: 1, random: 2, willneed: 3, dontneed: 4, noreuse: 5 } as const

export const FileTypeNumber = {
  unknown: 0,
  block: 1,
  character: 2,
  directory: 3,
  file: 4,
  'socket-dgram': 5,
  'socket-stream': 6,
  symlink: 7,
} as const

export const FdFlags = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const

export const LookupFlags = { symlink_follow: 1 } as const

export const OFlags = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const

export const FstFlags = { atim: 1, atim_now: 2, mtim: 4, mtim_now: 8 } as const

export const EventType = { clock: 0, fd_read: 1, fd_write: 2 } as const
export const EventRwFlags = { hangup: 1 } as const
export const SubClockFlags = { abstime: 1 } as const

export const RiFlags = { peek: 1, waitall: 2 } as const
export const RoFlags = { data_truncated: 1 } as const
export const SdFlags = { rd: 1, wr: 2 } as const
export const SiFlags = {} as const

/** Signals in the order of witx: 0 is `none`. */
export const SignalNames = (
  'none hup int quit ill trap abrt bus fpe kill usr1 segv usr2 pipe alrm term chld cont stop tstp ttin ttou urg xcpu ' +
  'xfsz vtalrm prof winch poll pwr sys'
).split(' ')

export const Signal: Names = Object.fromEntries(SignalNames.map((name, number) => [name, number]))

/** Rights as single bits, all below 2^30, so that they fit a number. */
export const Rights = {
  fd_datasync: 1 << 0,
  fd_read: 1 << 1,
  fd_seek: 1 << 2,
  fd_fdstat_set_flags: 1 << 3,
  fd_sync: 1 << 4,
  fd_tell: 1 << 5,
  fd_write: 1 << 6,
  fd_advise: 1 << 7,
  fd_allocate: 1 << 8,
  path_create_directory: 1 << 9,
  path_create_file: 1 << 10,
  path_link_source: 1 << 11,
  path_link_target: 1 << 12,
  path_open: 1 << 13,
  fd_readdir: 1 << 14,
  path_readlink: 1 << 15,
  path_rename_source: 1 << 16,
  path_rename_target: 1 << 17,
  path_filestat_get: 1 << 18,
  path_filestat_set_size: 1 << 19,
  path_filestat_set_times: 1 << 20,
  fd_filestat_get: 1 << 21,
  fd_filestat_set_size: 1 << 22,
  fd_filestat_set_times: 1 << 23,
  path_symlink: 1 << 24,
  path_remove_directory: 1 << 25,
  path_unlink_file: 1 << 26,
  poll_fd_readwrite: 1 << 27,
  sock_shutdown: 1 << 28,
  sock_accept: 1 << 29,
} as const

export const allRights = 2 ** 30 - 1
