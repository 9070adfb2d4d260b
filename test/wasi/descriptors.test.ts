import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Rights } from '../../wasm-shim/wasi/flags.ts'
import { createTestHost } from '../support/test-host.ts'
import { mountKinds, startOn } from './file-systems.ts'
import { at, type Guest, start } from './guest.ts'

describe.each(mountKinds)('descriptors on a %s mount', (kind) => {
  let guest: Guest
  let dispose: () => void
  beforeEach(() => {
    ;({ guest, dispose } = startOn(kind))
  })
  afterEach(() => dispose())

  test('take the lowest free number, and leave it free when closed', () => {
    const numbers = ['a', 'b', 'c'].map((name) => guest.create(3, name))
    expect(numbers).toEqual([4, 5, 6])
    expect(guest.close(5)).toBe('ESUCCESS')
    expect(guest.close(5)).toBe('EBADF')
    expect(guest.create(3, 'd')).toBe(5)
    expect(guest.create(3, 'e')).toBe(7)
    guest.close(7)
    guest.close(6)
    expect(guest.open(3, '.')).toBe(6)
    expect(guest.close(0)).toBe('ESUCCESS')
    expect(guest.open(3, 'a')).toBe(0)
    expect(guest.call('fd_tell', -1, 0)).toBe('EBADF')
  })

  test('renumber onto another open one, which is closed', () => {
    const from = guest.create(3, 'from', 'from')
    const to = guest.create(3, 'to', 'to')
    expect(guest.call('fd_renumber', from, to)).toBe('ESUCCESS')
    expect(guest.close(from)).toBe('EBADF')
    expect(guest.seek(to, 0n, 0)).toBe(0n)
    expect(guest.read(to, 10)).toBe('from')
    expect(guest.call('fd_renumber', to, from)).toBe('EBADF')
    expect(guest.call('fd_renumber', from, to)).toBe('EBADF')
    expect(guest.call('fd_renumber', to, to)).toBe('ESUCCESS')
    expect(guest.read(to, 10)).toBe('')
    expect(guest.call('fd_renumber', 1, to)).toBe('ESUCCESS')
    expect(guest.write(1, 'x')).toBe('EBADF')
    expect(guest.write(to, 'x')).toBe(1)
  })

  test('keep an offset each, which seeks, reads and writes move', () => {
    const fd = guest.create(3, 'file', 'hello world')
    expect(guest.seek(fd, 0n, 1)).toBe(11n)
    expect(guest.seek(fd, -5n, 2)).toBe(6n)
    expect(guest.read(fd, 3)).toBe('wor')
    expect(guest.call('fd_tell', fd, 0)).toBe('ESUCCESS')
    expect(guest.u64(0)).toBe(9n)
    expect(guest.seek(fd, -10n, 1)).toBe('EINVAL')
    expect(guest.seek(fd, -1n, 0)).toBe('EINVAL')
    expect(guest.seek(fd, 0n, 3)).toBe('EINVAL')
    expect(guest.seek(fd, 1n << 60n, 0)).toBe('EINVAL')
    expect(guest.seek(fd, 20n, 0)).toBe(20n)
    expect(guest.read(fd, 5)).toBe('')
    expect(guest.write(fd, '!')).toBe(1)
    expect(guest.stat(3, 'file')).toMatchObject({ size: 21n })
    const other = guest.open(3, 'file') as number
    expect(guest.read(other, 5)).toBe('hello')
  })

  test('read and write scattered buffers as one', () => {
    const fd = guest.create(3, 'file')
    expect(guest.write(fd, 'ab', '', 'cde', 'f')).toBe(6)
    guest.seek(fd, 1n, 0)
    expect(guest.read(fd, 1, 0, 2, 100)).toBe('bcdef')
    expect(guest.write(fd)).toBe(0)
    expect(guest.read(fd)).toBe('')
  })

  test('write more than is gathered at once', () => {
    const fd = guest.create(3, 'file')
    guest.bytes.fill(97, at.bytes, at.bytes + 90_000)
    expect(guest.call('fd_write', fd, ...guest.vectors(40_000, 50_000), 0)).toBe('ESUCCESS')
    expect(guest.u32(0)).toBe(90_000)
    expect(guest.stat(3, 'file')).toMatchObject({ size: 90_000n })
  })

  test('read and write at a position without moving', () => {
    const fd = guest.create(3, 'file', 'abcdef')
    guest.bytes.set([88, 89], at.bytes)
    expect(guest.call('fd_pwrite', fd, ...guest.vectors(2), 1n, 0)).toBe('ESUCCESS')
    expect(guest.call('fd_pread', fd, ...guest.vectors(10), 0n, 0)).toBe('ESUCCESS')
    expect(guest.u32(0)).toBe(6)
    expect(new TextDecoder().decode(guest.bytes.slice(at.bytes, at.bytes + 6))).toBe('aXYdef')
    expect(guest.seek(fd, 0n, 1)).toBe(6n)
    expect(guest.call('fd_pread', fd, ...guest.vectors(10), 1n << 62n, 0)).toBe('ESUCCESS')
    expect(guest.u32(0)).toBe(0)
    expect(guest.call('fd_pwrite', fd, ...guest.vectors(1), 1n << 62n, 0)).toBe('EFBIG')
  })

  test('append at the end whatever the offset, until the flag is cleared', () => {
    guest.close(guest.create(3, 'file', 'abc'))
    const fd = guest.open(3, 'file', { write: true, fdflags: ['append'] }) as number
    expect(guest.write(fd, 'def')).toBe(3)
    expect(guest.seek(fd, 0n, 1)).toBe(6n)
    guest.seek(fd, 0n, 0)
    expect(guest.write(fd, 'g')).toBe(1)
    expect(guest.seek(fd, 0n, 1)).toBe(7n)
    guest.bytes[at.bytes] = 88
    expect(guest.call('fd_pwrite', fd, ...guest.vectors(1), 0n, 0)).toBe('ESUCCESS')
    expect(guest.write(fd, 'h')).toBe(1)
    expect(guest.call('fd_fdstat_set_flags', fd, 0)).toBe('ESUCCESS')
    guest.seek(fd, 1n, 0)
    expect(guest.write(fd, 'Y')).toBe(1)
    guest.seek(fd, 0n, 0)
    expect(guest.read(fd, 100)).toBe('XYcdefgh')
    expect(guest.call('fd_fdstat_set_flags', fd, 1)).toBe('ESUCCESS')
    guest.seek(fd, 0n, 0)
    expect(guest.write(fd, 'i')).toBe(1)
    expect(guest.stat(3, 'file')).toMatchObject({ size: 9n })
    expect(guest.call('fd_fdstat_set_flags', fd, 16)).toBe('EINVAL')
  })

  test('enforce reading and writing, and report them as rights', () => {
    guest.close(guest.create(3, 'file', 'abc'))
    const reading = guest.open(3, 'file') as number
    const writing = guest.open(3, 'file', { read: false, write: true }) as number
    const neither = guest.open(3, 'file', { read: false }) as number
    const rights = (fd: number) => {
      expect(guest.call('fd_fdstat_get', fd, 0)).toBe('ESUCCESS')
      return Number(guest.u64(8)) & (Rights.fd_read | Rights.fd_write)
    }
    expect(rights(reading)).toBe(Rights.fd_read)
    expect(rights(writing)).toBe(Rights.fd_write)
    expect(rights(neither)).toBe(0)
    expect(guest.write(reading, 'x')).toBe('EBADF')
    expect(guest.read(writing, 1)).toBe('EBADF')
    expect(guest.read(neither, 1)).toBe('EBADF')
    expect(guest.write(neither, 'x')).toBe('EBADF')
    expect(guest.call('fd_filestat_set_size', reading, 1n)).toBe('EINVAL')
    expect(guest.call('fd_fdstat_set_rights', reading, 0n, 0n)).toBe('ENOTSUP')
    expect(guest.call('fd_fdstat_set_rights', 99, 0n, 0n)).toBe('EBADF')
  })

  test('change size and times, allocate, sync and take advice', () => {
    const fd = guest.create(3, 'file', 'abc')
    expect(guest.call('fd_filestat_set_size', fd, 10n)).toBe('ESUCCESS')
    expect(guest.stat(3, 'file')).toMatchObject({ size: 10n })
    expect(guest.call('fd_allocate', fd, 5n, 3n)).toBe('ESUCCESS')
    expect(guest.stat(3, 'file')).toMatchObject({ size: 10n })
    expect(guest.call('fd_allocate', fd, 5n, 10n)).toBe('ESUCCESS')
    expect(guest.stat(3, 'file')).toMatchObject({ size: 15n })
    expect(guest.call('fd_allocate', fd, 0n, 0n)).toBe('EINVAL')
    expect(guest.call('fd_advise', fd, 0n, 10n, 3)).toBe('ESUCCESS')
    expect(guest.call('fd_advise', fd, 0n, 10n, 6)).toBe('EINVAL')
    expect(guest.call('fd_sync', fd)).toBe('ESUCCESS')
    expect(guest.call('fd_datasync', fd)).toBe('ESUCCESS')
    expect(guest.call('fd_sync', 3)).toBe('ESUCCESS')
    expect(guest.call('fd_filestat_set_times', fd, 5_000n, 7_000n, 1 | 4)).toBe('ESUCCESS')
    expect(guest.call('fd_filestat_get', fd, 0)).toBe('ESUCCESS')
    expect([guest.bytes[16], guest.u64(32), guest.u64(40), guest.u64(48)]).toEqual([4, 15n, 5_000n, 7_000n])
    expect(guest.call('fd_filestat_set_times', fd, 1n, 1n, 4 | 8)).toBe('EINVAL')
    expect(guest.call('fd_filestat_set_times', fd, 1n, 1n, 1 | 2)).toBe('EINVAL')
    expect(guest.call('fd_filestat_set_times', 3, 1n, 1_000n, 4)).toBe('ESUCCESS')
  })

  test('go on with a file that was deleted or renamed', () => {
    const fd = guest.create(3, 'file', 'content')
    expect(guest.path('path_unlink_file', 3, 'file')).toBe('ESUCCESS')
    guest.seek(fd, 0n, 0)
    expect(guest.read(fd, 3)).toBe('con')
    expect(guest.write(fd, '!')).toBe(1)
    expect(guest.call('fd_filestat_get', fd, 0)).toBe('ESUCCESS')
    expect([guest.u64(24), guest.u64(32)]).toEqual([0n, 7n])
    expect(guest.stat(3, 'file')).toBe('ENOENT')
  })

  test('refuse what a directory is not made for', () => {
    guest.path('path_create_directory', 3, 'dir')
    const fd = guest.open(3, 'dir', { oflags: ['directory'] }) as number
    for (const one of [3, fd]) {
      expect(guest.read(one, 1)).toBe('EBADF')
      expect(guest.write(one, 'x')).toBe('EBADF')
      expect(guest.seek(one, 0n, 1)).toBe('EBADF')
      expect(guest.call('fd_tell', one, 0)).toBe('EBADF')
      expect(guest.call('fd_allocate', one, 0n, 1n)).toBe('EBADF')
      expect(guest.call('fd_filestat_set_size', one, 0n)).toBe('EBADF')
      expect(guest.call('fd_pread', one, ...guest.vectors(1), 0n, 0)).toBe('EBADF')
      expect(guest.call('fd_pwrite', one, ...guest.vectors(1), 0n, 0)).toBe('EBADF')
      expect(guest.call('fd_filestat_get', one, 0)).toBe('ESUCCESS')
      expect(guest.bytes[16]).toBe(3)
    }
  })
})

describe('preopened directories', () => {
  test('tell their names to a buffer that is long enough', () => {
    const { guest } = start()
    expect(guest.call('fd_prestat_get', 3, 0)).toBe('ESUCCESS')
    expect([guest.bytes[0], guest.u32(4)]).toEqual([0, 1])
    expect(guest.call('fd_prestat_dir_name', 3, at.bytes, 0)).toBe('ENAMETOOLONG')
    expect(guest.call('fd_prestat_dir_name', 3, at.bytes, 5)).toBe('ESUCCESS')
    expect(guest.bytes[at.bytes]).toBe(47)
    expect(guest.call('fd_prestat_get', 4, 0)).toBe('EBADF')
    expect(guest.call('fd_prestat_get', 0, 0)).toBe('EBADF')
    const opened = guest.open(3, '.') as number
    expect(guest.call('fd_prestat_get', opened, 0)).toBe('EBADF')
  })

  test('can be closed', () => {
    const { guest } = start()
    expect(guest.close(3)).toBe('ESUCCESS')
    expect(guest.call('fd_prestat_get', 3, 0)).toBe('EBADF')
    expect(guest.stat(3, '.')).toBe('EBADF')
  })

  test('let everything be inherited, as guests ask before they open', () => {
    const { guest } = start()
    guest.call('fd_fdstat_get', 3, 0)
    expect(guest.bytes[0]).toBe(3)
    expect(guest.u64(16)).toBe(0x3fff_ffffn)
    expect(Number(guest.u64(8)) & (Rights.fd_write | Rights.fd_seek | Rights.fd_filestat_set_size)).toBe(0)
  })
})

describe('standard streams', () => {
  test.each([
    ['tty', 2],
    ['pipe', 0],
    ['file', 4],
    ['null', 0],
  ] as const)('of kind %s have file type %i and cannot seek', (kind, type) => {
    const host = createTestHost({ kinds: { stdin: kind, stdout: kind } })
    const { guest } = start({}, host)
    for (const fd of [0, 1]) {
      expect(guest.call('fd_fdstat_get', fd, 0)).toBe('ESUCCESS')
      expect(guest.bytes[0]).toBe(type)
      expect(Number(guest.u64(8)) & (Rights.fd_seek | Rights.fd_tell)).toBe(0)
      expect(guest.seek(fd, 0n, 1)).toBe('ESPIPE')
      expect(guest.call('fd_tell', fd, 0)).toBe('ESPIPE')
      expect(guest.call('fd_filestat_get', fd, 0)).toBe('ESUCCESS')
      expect(guest.bytes[16]).toBe(type)
    }
    expect(guest.call('fd_pread', 0, ...guest.vectors(1), 0n, 0)).toBe('ESPIPE')
    expect(guest.call('fd_pwrite', 1, ...guest.vectors(1), 0n, 0)).toBe('ESPIPE')
  })

  test('write out and err, read in until its end', () => {
    const { guest, host } = start({}, createTestHost({ stdin: 'line one\n' }))
    expect(guest.write(1, 'out', ' ', 'put')).toBe(7)
    expect(guest.write(2, 'err')).toBe(3)
    expect([host.stdoutText(), host.stderrText()]).toEqual(['out put', 'err'])
    expect(guest.read(0, 4)).toBe('line')
    expect(guest.read(0, 1, 2, 100)).toBe(' one\n')
    expect(guest.read(0, 4)).toBe('')
    expect(guest.write(0, 'x')).toBe('EBADF')
    expect(guest.read(1, 1)).toBe('EBADF')
  })

  test('answer EAGAIN instead of waiting when they are nonblocking', () => {
    const { guest, host } = start({}, createTestHost({ stdinOpen: true }))
    expect(guest.call('fd_fdstat_set_flags', 0, 4)).toBe('ESUCCESS')
    expect(guest.read(0, 4)).toBe('EAGAIN')
    host.feedStdin('late')
    expect(guest.read(0, 4)).toBe('late')
  })
})
