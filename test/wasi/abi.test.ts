import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { abis, wasmParameters } from '../../wasm-shim/wasi/abi.ts'
import { calls } from '../../wasm-shim/wasi/calls/index.ts'
import { ExitSignal, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import { createTestHost } from '../support/test-host.ts'
import { Guest, resume, start } from './guest.ts'

// Written down from the standard's witx, independently of the table: i is i32, I is i64.
const signatures: Readonly<Record<string, string>> = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_dir_name: 'iii',
  fd_prestat_get: 'ii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
}

describe('the ABI table', () => {
  test('has all 46 functions of preview1 with the signatures of the standard', () => {
    const rows = [...abis.wasi_snapshot_preview1].map(([name, row]) => [
      name,
      wasmParameters(row)
        .map((type) => (type === 'i32' ? 'i' : 'I'))
        .join(''),
    ])
    expect(Object.fromEntries(rows)).toEqual(signatures)
    expect(rows).toHaveLength(46)
  })

  test('has a call behind every row, and a row for every call', () => {
    for (const [abi, rows] of Object.entries(abis)) {
      const made = Object.keys(calls[abi as keyof typeof abis])
      for (const name of rows.keys()) expect(made, `${abi} ${name}`).toContain(name)
    }
    expect(Object.keys(calls.wasi_snapshot_preview1).sort()).toEqual(Object.keys(signatures).sort())
  })

  test('gives records whose fields lie inside of them without overlapping, variants excepted', () => {
    const widths = { u8: 1, u16: 2, u32: 4, u64: 8 }
    for (const rows of Object.values(abis)) {
      for (const row of rows.values()) {
        for (const result of row.results) {
          if (result.kind !== 'record') continue
          let end = 0
          for (const field of result.layout.fields) {
            expect(field.offset % widths[field.type], `${row.name} ${field.name}`).toBe(0)
            expect(field.offset).toBeGreaterThanOrEqual(end)
            end = field.offset + widths[field.type]
          }
          expect(end).toBeLessThanOrEqual(result.layout.size)
        }
      }
    }
  })

  test('links no function that has no row', () => {
    const { guest } = start()
    expect(guest.kernel.link('wasi_snapshot_preview1', 'sock_open')).toBeUndefined()
    expect(guest.kernel.link('wasi_unstable', 'sock_accept')).toBeUndefined()
    expect(guest.kernel.link('env', 'fd_write')).toBeUndefined()
    expect(guest.kernel.link('constructor', 'name')).toBeUndefined()
    expect(guest.kernel.link('wasi_snapshot_preview1', 'constructor')).toBeUndefined()
  })
})

describe('a guest that passes nonsense', () => {
  /** Numbers around what means something: descriptors, the memory's end, and 32 bits' ends. */
  const i32 = fc.oneof(
    fc.integer({ min: 0, max: 6 }),
    fc.constantFrom(1024, 16384, 131_071, 131_072, -1, -8, 0x7fff_ffff, -0x8000_0000, 65_536),
    fc.integer(),
  )
  const i64 = fc.oneof(fc.constantFrom(0n, 1n, -1n, 1n << 40n, (1n << 63n) - 1n, -(1n << 63n)), fc.bigInt())

  test.each(Object.keys(abis))('gets an errno from every function of %s, never a crash', (abi) => {
    const rows = [...abis[abi as keyof typeof abis].values()]
    const call = fc
      .nat(rows.length - 1)
      .map((index) => rows[index]!)
      .chain((row) =>
        fc
          .tuple(...wasmParameters(row).map((type) => (type === 'i32' ? i32 : i64)))
          .map((args) => ({ name: row.name, args: args as (number | bigint)[] })),
      )
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 25 }), (made) => {
        const host = { ...createTestHost({ stdin: 'some input' }), wait: () => 'interrupted' as const }
        const { guest, fs } = start({}, host)
        fs.put('file', new Uint8Array(100))
        guest.open(3, 'file', { write: true })
        for (const { name, args } of made) {
          let errno: unknown = 0
          try {
            errno = guest.kernel.link(abi, name)!(...args)
          } catch (thrown) {
            if (!(thrown instanceof ExitSignal) && !(thrown instanceof WaitInterrupted)) throw thrown
          }
          expect(typeof errno === 'number' && errno >= 0 && errno <= 76, `${name}(${args}) -> ${errno}`).toBe(true)
        }
        resume(guest.kernel.save())
      }),
      { numRuns: 250 },
    )
  })

  test('is told EFAULT for each pointer that leaves memory, before anything happens', () => {
    const { guest, host } = start()
    const end = guest.memory.buffer.byteLength
    expect(guest.call('random_get', end - 8, 9)).toBe('EFAULT')
    expect(guest.call('random_get', 0, -1)).toBe('EFAULT')
    expect(guest.call('clock_time_get', 0, 0n, end - 7)).toBe('EFAULT')
    expect(guest.call('fd_write', 1, ...guest.vectors(4), end - 3)).toBe('EFAULT')
    expect(guest.call('fd_write', 1, end - 4, 1, 0)).toBe('EFAULT')
    guest.vectors(4, 0x7fff_ffff)
    expect(guest.call('fd_write', 1, 16384, 2, 0)).toBe('EFAULT')
    expect(host.stdoutBytes()).toHaveLength(0)
    expect(guest.call('fd_write', 1, 16384, 1025, 0)).toBe('EINVAL')
    expect(guest.call('path_open', 3, 0, end - 2, 4, 1, 0n, 0n, 0, 0)).toBe('EFAULT')
    expect(guest.call('fd_prestat_get', 3, end - 4)).toBe('EFAULT')
    expect(guest.call('poll_oneoff', 0, end - 31, 1, 0)).toBe('EFAULT')
    expect(guest.call('args_get', end, 0)).toBe('EFAULT')
  })

  test('may ask for results at addresses that are not aligned', () => {
    const { guest } = start()
    for (const where of [8, 9, 12, 15]) {
      guest.bytes.fill(255, 0, 32)
      expect(guest.call('clock_time_get', 0, 0n, where)).toBe('ESUCCESS')
      expect(guest.u64(where) >> 60n).toBe(1n)
      expect([guest.bytes[where - 1], guest.bytes[where + 8]]).toEqual([255, 255])
    }
  })

  test('can grow its memory between calls', () => {
    const guest = new Guest(start().guest.kernel, undefined, new WebAssembly.Memory({ initial: 2 }))
    expect(guest.call('random_get', 0, 8)).toBe('ESUCCESS')
    guest.memory.grow(1)
    expect(guest.call('random_get', 131_072, 8)).toBe('ESUCCESS')
    expect(guest.bytes.slice(131_072, 131_080).some((byte) => byte !== 0)).toBe(true)
    guest.memory.grow(1)
    const fd = guest.create(3, 'after', 'growing')
    guest.memory.grow(1)
    guest.seek(fd, 0n, 0)
    expect(guest.read(fd, 7)).toBe('growing')
  })
})
