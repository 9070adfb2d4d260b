/**
 * The WASI application binary interface as one table (D6): every function of `wasi_snapshot_preview1` is a row, and
 * `wasi_unstable` is the same rows with their differences. Decoding of parameters, encoding of results, the recorder, the
 * views and the coverage document are derived from it; a function without a row cannot be linked.
 */
import { guestModule, guestRows } from '../guest-abi/abi.ts'
import * as flags from './flags.ts'
import type { Layout } from './layout.ts'
import * as layouts from './layout.ts'

/**
 * pure: a function of parameters and kernel state. reads: asks the host and changes nothing there. changes: has an
 * effect outside of the session. blocks: may wait, and then can be interrupted having consumed nothing.
 */
export type CallClass = 'pure' | 'reads' | 'changes' | 'blocks'

/** Where the number of bytes behind a pointer comes from. */
export type Size =
  | { readonly from: 'constant'; readonly bytes: number }
  /** The wasm parameter that follows the pointer, in elements of `bytes`. */
  | { readonly from: 'parameter'; readonly name: string; readonly bytes: number }
  /** The sum of the lengths of an iovec array. */
  | { readonly from: 'vectors' }
  /** What the call itself returned, in elements of `bytes`. */
  | { readonly from: 'result'; readonly name: string; readonly bytes: number }
  /** Known from kernel state: the sizes of arguments, environment, a preopen's name. */
  | { readonly from: 'state'; readonly what: string }

export interface Values {
  readonly kind: 'enum' | 'flags'
  readonly name: string
  readonly numbers: flags.Names
}

export type ScalarType = 'u8' | 'u16' | 'u32' | 'u64' | 's64'

/** One parameter of a row. Pointers name the direction of their bytes: `in` is read by the kernel, `out` is written. */
export type Param =
  | { readonly kind: 'fd'; readonly name: string }
  | { readonly kind: 'scalar'; readonly name: string; readonly type: ScalarType; readonly values?: Values }
  /** Two wasm parameters: address and bytes of UTF-8. */
  | { readonly kind: 'string'; readonly name: string; readonly direction: 'in'; readonly size: Size }
  /** Two wasm parameters: address and count of an iovec array; the bytes are those that its elements point to. */
  | {
      readonly kind: 'vectors'
      readonly name: string
      readonly direction: 'in' | 'out'
      readonly size: Size
      /** How much of it was read or written. */
      readonly used: Size
    }
  /** Two wasm parameters: address and bytes of room. */
  | {
      readonly kind: 'buffer'
      readonly name: string
      readonly direction: 'out'
      readonly size: Size
      readonly used: Size
    }
  /** One wasm parameter: the address of bytes or records whose number another source gives. */
  | {
      readonly kind: 'pointer'
      readonly name: string
      readonly direction: 'in' | 'out'
      readonly size: Size
      readonly used: Size
      readonly layout?: Layout
    }

/** One result, written through an out-pointer that is a wasm parameter of its own, after all others. */
export type Result =
  | {
      readonly kind: 'scalar'
      readonly name: string
      readonly type: 'u8' | 'u16' | 'u32' | 'u64'
      readonly values?: Values
    }
  | { readonly kind: 'record'; readonly name: string; readonly layout: Layout }

export interface Row {
  readonly name: string
  readonly class: CallClass
  readonly params: readonly Param[]
  readonly results: readonly Result[]
  /** Of WASI proc_exit alone returns nothing, and none a value of its own. */
  readonly returns: 'errno' | 'nothing' | 'value'
  /** What is special about this kernel's answer, for the coverage document. */
  readonly note?: string
}

export type AbiName = 'wasi_snapshot_preview1' | 'wasi_unstable'

const fd = (name = 'fd'): Param => ({ kind: 'fd', name })
const scalar = (name: string, type: ScalarType, values?: Values): Param =>
  values ? { kind: 'scalar', name, type, values } : { kind: 'scalar', name, type }
const u32 = (name: string, values?: Values) => scalar(name, 'u32', values)
const u64 = (name: string, values?: Values) => scalar(name, 'u64', values)
const s64 = (name: string) => scalar(name, 's64')
const one = (name: string, numbers: flags.Names): Values => ({ kind: 'enum', name, numbers })
const bits = (name: string, numbers: flags.Names): Values => ({ kind: 'flags', name, numbers })
const parameter = (name: string, bytes = 1): Size => ({ from: 'parameter', name, bytes })
const result = (name: string, bytes = 1): Size => ({ from: 'result', name, bytes })
const state = (what: string): Size => ({ from: 'state', what })
const text = (name: string): Param => ({ kind: 'string', name, direction: 'in', size: parameter(`${name}_len`) })
const vectors = (name: string, direction: 'in' | 'out', used: string): Param => ({
  kind: 'vectors',
  name,
  direction,
  size: { from: 'vectors' },
  used: result(used),
})
const buffer = (name: string, used?: string): Param => ({
  kind: 'buffer',
  name,
  direction: 'out',
  size: parameter(`${name}_len`),
  used: used === undefined ? parameter(`${name}_len`) : result(used),
})
const pointer = (name: string, size: Size): Param => ({ kind: 'pointer', name, direction: 'out', size, used: size })
const records = (
  name: string,
  direction: 'in' | 'out',
  layout: Layout,
  count: string,
  used = parameter(count),
): Param => ({
  kind: 'pointer',
  name,
  direction,
  layout,
  size: parameter(count, layout.size),
  used: { ...used, bytes: layout.size } as Size,
})
const out = (name: string, type: 'u8' | 'u16' | 'u32' | 'u64', values?: Values): Result =>
  values ? { kind: 'scalar', name, type, values } : { kind: 'scalar', name, type }
const record = (name: string, layout: Layout): Result => ({ kind: 'record', name, layout })

const row = (
  name: string,
  callClass: CallClass,
  params: readonly Param[],
  results: readonly Result[] = [],
  note?: string,
): Row => ({ name, class: callClass, params, results, returns: 'errno', ...(note === undefined ? {} : { note }) })

const clockId = one('clockid', flags.ClockId)
const fdFlags = bits('fdflags', flags.FdFlags)
const fstFlags = bits('fstflags', flags.FstFlags)
const lookup = bits('lookupflags', flags.LookupFlags)
const rights = bits('rights', flags.Rights)
const times = [u64('atim'), u64('mtim'), scalar('fst_flags', 'u16', fstFlags)]

const preview1Rows: readonly Row[] = [
  row('args_get', 'pure', [pointer('argv', state('arguments, 4 bytes each')), pointer('argv_buf', state('arguments'))]),
  row('args_sizes_get', 'pure', [], [out('argc', 'u32'), out('argv_buf_size', 'u32')]),
  row('clock_res_get', 'reads', [u32('id', clockId)], [out('resolution', 'u64')]),
  row(
    'clock_time_get',
    'reads',
    [u32('id', clockId), u64('precision')],
    [out('time', 'u64')],
    'monotonic and processor time go on after a restore from where the checkpoint was',
  ),
  row('environ_get', 'pure', [
    pointer('environ', state('environment, 4 bytes each')),
    pointer('environ_buf', state('environment')),
  ]),
  row('environ_sizes_get', 'pure', [], [out('environ_count', 'u32'), out('environ_buf_size', 'u32')]),
  row(
    'fd_advise',
    'pure',
    [fd(), u64('offset'), u64('len'), scalar('advice', 'u8', one('advice', flags.Advice))],
    [],
    'checked, then ignored',
  ),
  row('fd_allocate', 'changes', [fd(), u64('offset'), u64('len')]),
  row('fd_close', 'changes', [fd()]),
  row('fd_datasync', 'changes', [fd()]),
  row(
    'fd_fdstat_get',
    'reads',
    [fd()],
    [record('fdstat', layouts.fdstat)],
    'rights are reported; reading and writing are enforced',
  ),
  row(
    'fd_fdstat_set_flags',
    'changes',
    [fd(), scalar('flags', 'u16', fdFlags)],
    [],
    'append and nonblock; dsync, rsync and sync can be given on opening only (EINVAL)',
  ),
  row(
    'fd_fdstat_set_rights',
    'pure',
    [fd(), u64('rights_base', rights), u64('rights_inheriting', rights)],
    [],
    'ENOTSUP, as in wasmtime: rights cannot be dropped',
  ),
  row('fd_filestat_get', 'reads', [fd()], [record('filestat', layouts.filestat)]),
  row('fd_filestat_set_size', 'changes', [fd(), u64('size')]),
  row('fd_filestat_set_times', 'changes', [fd(), ...times]),
  row('fd_pread', 'reads', [fd(), vectors('iovs', 'out', 'nread'), u64('offset')], [out('nread', 'u32')]),
  row('fd_prestat_get', 'pure', [fd()], [record('prestat', layouts.prestat)]),
  row('fd_prestat_dir_name', 'pure', [
    fd(),
    {
      kind: 'buffer',
      name: 'path',
      direction: 'out',
      size: parameter('path_len'),
      used: state("the preopen's name"),
    },
  ]),
  row('fd_pwrite', 'changes', [fd(), vectors('iovs', 'in', 'nwritten'), u64('offset')], [out('nwritten', 'u32')]),
  row('fd_read', 'blocks', [fd(), vectors('iovs', 'out', 'nread')], [out('nread', 'u32')]),
  row(
    'fd_readdir',
    'reads',
    [fd(), buffer('buf', 'bufused'), u64('cookie')],
    [out('bufused', 'u32')],
    'one listing serves a whole walk from cookie 0, also across a restore',
  ),
  row('fd_renumber', 'changes', [fd(), fd('to')]),
  row(
    'fd_seek',
    'reads',
    [fd(), s64('offset'), scalar('whence', 'u8', one('whence', flags.Whence))],
    [out('newoffset', 'u64')],
  ),
  row('fd_sync', 'changes', [fd()]),
  row('fd_tell', 'pure', [fd()], [out('offset', 'u64')]),
  row('fd_write', 'changes', [fd(), vectors('iovs', 'in', 'nwritten')], [out('nwritten', 'u32')]),
  row('path_create_directory', 'changes', [fd(), text('path')]),
  row('path_filestat_get', 'reads', [fd(), u32('flags', lookup), text('path')], [record('filestat', layouts.filestat)]),
  row('path_filestat_set_times', 'changes', [fd(), u32('flags', lookup), text('path'), ...times]),
  row('path_link', 'changes', [
    fd('old_fd'),
    u32('old_flags', lookup),
    text('old_path'),
    fd('new_fd'),
    text('new_path'),
  ]),
  row(
    'path_open',
    'changes',
    [
      fd(),
      u32('dirflags', lookup),
      text('path'),
      scalar('oflags', 'u16', bits('oflags', flags.OFlags)),
      u64('rights_base', rights),
      u64('rights_inheriting', rights),
      scalar('fdflags', 'u16', fdFlags),
    ],
    [out('opened_fd', 'u32')],
  ),
  row('path_readlink', 'reads', [fd(), text('path'), buffer('buf', 'bufused')], [out('bufused', 'u32')]),
  row('path_remove_directory', 'changes', [fd(), text('path')]),
  row('path_rename', 'changes', [fd(), text('old_path'), fd('new_fd'), text('new_path')]),
  row(
    'path_symlink',
    'changes',
    [text('old_path'), fd(), text('new_path')],
    [],
    'absolute targets are refused (EPERM)',
  ),
  row('path_unlink_file', 'changes', [fd(), text('path')]),
  row(
    'poll_oneoff',
    'blocks',
    [
      records('in', 'in', layouts.subscription, 'nsubscriptions'),
      records('out', 'out', layouts.event, 'nsubscriptions', result('nevents')),
      u32('nsubscriptions'),
    ],
    [out('nevents', 'u32')],
    'a relative timeout that a checkpoint interrupts goes on with what was left of it',
  ),
  { ...row('proc_exit', 'changes', [u32('rval')]), returns: 'nothing' },
  row(
    'proc_raise',
    'pure',
    [scalar('sig', 'u8', one('signal', flags.Signal))],
    [],
    'ENOTSUP for signals that would end the program; others are ignored',
  ),
  row('random_get', 'reads', [buffer('buf')]),
  row('sched_yield', 'pure', []),
  row(
    'sock_accept',
    'blocks',
    [fd(), scalar('flags', 'u16', fdFlags)],
    [out('connection', 'u32')],
    'no sockets yet: ENOTSOCK, or EBADF',
  ),
  row(
    'sock_recv',
    'blocks',
    [fd(), vectors('ri_data', 'out', 'ro_datalen'), scalar('ri_flags', 'u16', bits('riflags', flags.RiFlags))],
    [out('ro_datalen', 'u32'), out('ro_flags', 'u16', bits('roflags', flags.RoFlags))],
    'no sockets yet: ENOTSOCK, or EBADF',
  ),
  row(
    'sock_send',
    'changes',
    [fd(), vectors('si_data', 'in', 'so_datalen'), scalar('si_flags', 'u16', bits('siflags', flags.SiFlags))],
    [out('so_datalen', 'u32')],
    'no sockets yet: ENOTSOCK, or EBADF',
  ),
  row(
    'sock_shutdown',
    'changes',
    [fd(), scalar('how', 'u8', bits('sdflags', flags.SdFlags))],
    [],
    'no sockets yet: ENOTSOCK, or EBADF',
  ),
]

/** Rows of `wasi_unstable` that differ, by name; undefined where the function does not exist there. */
const unstableRows: Readonly<Record<string, ((row: Row) => Row) | undefined>> = {
  fd_seek: (r) => ({
    ...r,
    params: [fd(), s64('offset'), scalar('whence', 'u8', one('whence', flags.WhenceUnstable))],
  }),
  fd_filestat_get: (r) => ({ ...r, results: [record('filestat', layouts.filestatUnstable)] }),
  path_filestat_get: (r) => ({ ...r, results: [record('filestat', layouts.filestatUnstable)] }),
  poll_oneoff: (r) => ({
    ...r,
    params: [records('in', 'in', layouts.subscriptionUnstable, 'nsubscriptions'), ...r.params.slice(1)],
  }),
}
const absentFromUnstable = new Set(['sock_accept'])

const byName = (rows: readonly Row[]): ReadonlyMap<string, Row> => new Map(rows.map((r) => [r.name, r]))

export const abis: Readonly<Record<AbiName, ReadonlyMap<string, Row>>> = {
  wasi_snapshot_preview1: byName(preview1Rows),
  wasi_unstable: byName(
    preview1Rows.filter((r) => !absentFromUnstable.has(r.name)).map((r) => unstableRows[r.name]?.(r) ?? r),
  ),
}

/** The row of an import; undefined when it is neither WASI's nor one of Stasis's own functions. */
export function findRow(module: string, name: string): Row | undefined {
  if (module === guestModule) return guestRows.get(name)
  return Object.hasOwn(abis, module) ? abis[module as AbiName].get(name) : undefined
}

/** Types of the wasm function of a row, in order: parameters with their lengths, then out-pointers. */
export function wasmParameters(row: Row): readonly ('i32' | 'i64')[] {
  const params = row.params.flatMap((param) => wasmTypes(param))
  return [...params, ...row.results.map(() => 'i32' as const)]
}

function wasmTypes(param: Param): readonly ('i32' | 'i64')[] {
  switch (param.kind) {
    case 'fd':
    case 'pointer':
      return ['i32']
    case 'scalar':
      return [param.type === 'u64' || param.type === 's64' ? 'i64' : 'i32']
    case 'string':
    case 'vectors':
    case 'buffer':
      return ['i32', 'i32']
  }
}
