import { expect, test } from 'vitest'
import { faults } from '../../runtime/intercept/faults.ts'
import { limit } from '../../runtime/intercept/limit.ts'
import { trace } from '../../runtime/intercept/trace.ts'
import { virtualTime } from '../../runtime/intercept/virtual-time.ts'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { runLive } from '../log/guest-run.ts'
import { caseNamed } from '../programs/cases.ts'
import { createCaller } from './calls.ts'

const lua = caseNamed('lua-closures')

test('trace shows calls as strace does', () => {
  const caller = createCaller({
    path_open: (...args) => {
      caller.view().setUint32(args[8], 5, true)
      return 0
    },
    fd_read: (_fd, _vectors, _count, out) => {
      caller.putText(500, 'line one\nline "two"\n')
      caller.view().setUint32(out, 20, true)
      return 0
    },
    fd_write: () => Errno.ENOSPC,
    fd_fdstat_get: (_fd, out) => {
      caller.view().setUint8(out, 4)
      caller.view().setBigUint64(out + 8, 66n, true)
      return 0
    },
    proc_exit: (code) => {
      throw new ExitSignal(code)
    },
  })
  const lines: string[] = []
  let now = 0n
  const tracing = trace((line) => lines.push(line), { memory: caller.memory, now: () => (now += 1500n) })
  const call = (name: string, ...args: unknown[]) => caller.link(name, [tracing])(...args)
  const length = caller.putText(64, 'data/notes.txt')
  call('path_open', 3, 1, 64, length, 9, (1n << 30n) - 1n, 66n, 1, 100)
  caller.putVector(200, 500, 4096)
  call('fd_read', 5, 200, 1, 100)
  const long = caller.putText(600, 'x'.repeat(60))
  caller.putVector(200, 600, long)
  call('fd_write', 1, 200, 1, 100)
  call('fd_seek', 5, -12n, 2, 104)
  call('fd_fdstat_get', 5, 300)
  call('path_unlink_file', 3, 70_000_000, 4)
  expect(() => call('proc_exit', 7)).toThrow()
  expect(lines).toEqual([
    'path_open(3, symlink_follow, "data/notes.txt", creat|trunc, all, fd_read|fd_write, append) = opened_fd 5 <1500 ns>',
    'fd_read(5, "line one\\nline \\"two\\"\\n") = nread 20 <1500 ns>',
    `fd_write(1, "${'x'.repeat(48)}"... 60 bytes) = ENOSPC <1500 ns>`,
    'fd_seek(5, -12, end) = newoffset 0 <1500 ns>',
    'fd_fdstat_get(5) = {filetype file, flags 0, rights_base fd_read|fd_write, rights_inheriting 0} <1500 ns>',
    'path_unlink_file(3, 0x42c1d80 4 bytes) = 0 <1500 ns>',
    'proc_exit(7) exits with 7 <1500 ns>',
  ])
})

test('trace tells every call of a real program and changes nothing', () => {
  const lines: string[] = []
  const plain = runLive(lua, () => [])
  const traced = runLive(lua, (memory) => [trace((line) => lines.push(line), { memory })])
  expect(traced).toMatchObject({ stdout: plain.stdout, memory: plain.memory, exitCode: plain.exitCode })
  expect(lines.length).toBeGreaterThan(40)
  expect(lines.every((line) => /^[a-z_]+\(.*\) (= .+|exits with \d+)$/.test(line))).toBe(true)
  expect(lines.some((line) => line.startsWith('path_open(3, symlink_follow, "closures.lua"'))).toBe(true)
})

test('limit ends the program before the call that is one too many', () => {
  const caller = createCaller()
  const limiting = limit({ calls: 2, memory: caller.memory })
  const call = caller.link('sched_yield', [limiting])
  const other = caller.link('fd_sync', [limiting])
  call()
  other(4)
  expect(call).toThrow(
    expect.objectContaining({ code: 'STASIS_LIMIT_CALLS', fields: { calls: 2, bytes: 0, name: 'sched_yield' } }),
  )
  expect(caller.made).toEqual(['sched_yield', 'fd_sync'])
})

test('limit counts bytes that are written and read', () => {
  const caller = createCaller({
    fd_read: (_fd, _vectors, _count, out) => {
      caller.view().setUint32(out, 30, true)
      return 0
    },
  })
  const limiting = limit({ bytes: 100, memory: caller.memory })
  caller.putVector(0, 1000, 40)
  caller.link('fd_write', [limiting])(1, 0, 1, 64)
  caller.link('fd_read', [limiting])(0, 0, 1, 64)
  expect(() => caller.link('fd_write', [limiting])(1, 0, 1, 64)).toThrow(
    expect.objectContaining({ code: 'STASIS_LIMIT_BYTES', fields: { calls: 2, bytes: 70, name: 'fd_write' } }),
  )
})

test('limit looks at the time', () => {
  const caller = createCaller()
  let now = 0n
  const call = caller.link('sched_yield', [limit({ time: 10n, now: () => now, memory: caller.memory })])
  call()
  now = 11n
  expect(call).toThrow(expect.objectContaining({ code: 'STASIS_LIMIT_TIME' }))
})

test('faults let chosen calls fail without making them', () => {
  const caller = createCaller()
  const failing = faults([
    { name: 'fd_write', nth: 2, errno: 'ENOSPC' },
    { name: 'path_*', every: 2, errno: 'EIO' },
    { call: 6, errno: 'EINTR' },
  ])
  const write = caller.link('fd_write', [failing])
  const unlink = caller.link('path_unlink_file', [failing])
  const mkdir = caller.link('path_create_directory', [failing])
  const results = [write(), write(), write(), unlink(), mkdir(), unlink(), write(), mkdir()]
  const { ENOSPC, EIO, EINTR } = Errno
  expect(results).toEqual([0, ENOSPC, 0, 0, EIO, 0, EINTR, EIO])
  expect(caller.made.length).toBe(4)
})

test('faults reach a real program as errors of its own', () => {
  const ran = runLive(lua, () => [faults([{ name: 'path_open', errno: 'EIO' }])])
  expect(ran.exitCode).not.toBe(0)
})

test('an errno that does not exist is refused', () => {
  expect(() => faults([{ errno: 'ENOPE' as 'EIO' }])).toThrow(expect.objectContaining({ code: 'STASIS_FAULT_UNKNOWN' }))
})

test('virtual time moves by looking and by sleeping, and the host is not asked', () => {
  const caller = createCaller()
  const timing = virtualTime({ realtime: 5_000n, monotonic: 70n, step: 10n, memory: caller.memory })
  const clock = caller.link('clock_time_get', [timing])
  const poll = caller.link('poll_oneoff', [timing])
  const time = (id: number) => {
    expect(clock(id, 1n, 8)).toBe(0)
    return caller.view().getBigUint64(8, true)
  }
  expect([time(0), time(1), time(0)]).toEqual([5_010n, 90n, 5_030n])
  // Two sleeps: relative 1,000 and absolute at 500 of the monotonic clock, which is at 100.
  const view = caller.view()
  view.setBigUint64(1000, 11n, true)
  view.setUint32(1016, 1, true)
  view.setBigUint64(1024, 1_000n, true)
  view.setBigUint64(1048, 22n, true)
  view.setUint32(1064, 1, true)
  view.setBigUint64(1072, 500n, true)
  view.setUint16(1088, 1, true)
  expect(poll(1000, 2000, 2, 16)).toBe(0)
  expect(view.getUint32(16, true)).toBe(1)
  expect(view.getBigUint64(2000, true)).toBe(22n)
  expect(time(1)).toBe(510n)
  expect(clock(9, 1n, 8)).toBe(Errno.EINVAL)
  expect(clock(0, 1n, 4_000_000)).toBe(Errno.EFAULT)
  expect(caller.made).toEqual([])
  // A wait for stdin is the host's.
  view.setUint8(1008, 1)
  poll(1000, 2000, 2, 16)
  expect(caller.made).toEqual(['poll_oneoff'])
})
