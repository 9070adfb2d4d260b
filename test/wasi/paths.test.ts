import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { createTestHost } from '../support/test-host.ts'
import { mountKinds, startOn } from './file-systems.ts'
import { at, type Guest, memoryMount, start } from './guest.ts'

describe.each(mountKinds)('paths on a %s mount', (kind) => {
  let guest: Guest
  let dispose: () => void
  beforeEach(() => {
    ;({ guest, dispose } = startOn(kind))
  })
  afterEach(() => dispose())

  const mkdir = (path: string) => guest.path('path_create_directory', 3, path)
  const unlink = (path: string) => guest.path('path_unlink_file', 3, path)
  const rmdir = (path: string) => guest.path('path_remove_directory', 3, path)
  const touch = (path: string, content = '') => guest.close(guest.create(3, path, content))
  const contentOf = (path: string) => {
    const fd = guest.open(3, path)
    if (typeof fd === 'string') return fd
    const text = guest.read(fd, 100)
    guest.close(fd)
    return text
  }

  test('may hold dots and repeated slashes, but lead nowhere outside', () => {
    mkdir('dir')
    mkdir('dir/nested')
    touch('dir/nested/file', 'here')
    expect(contentOf('dir/.//nested/../../dir/nested/../nested///./file')).toBe('here')
    expect(guest.open(3, '/dir/nested/file')).toBe('EPERM')
    expect(guest.open(3, 'dir/nested/../../../dir/nested/file')).toBe('EPERM')
    expect(guest.open(3, '..')).toBe('EPERM')
    expect(guest.open(3, '')).toBe('ENOENT')
    expect(guest.open(3, 'dir/nested/file\0')).toBe('EINVAL')
    expect(guest.open(3, 'dir/nested/file/')).toBe('ENOTDIR')
    expect(guest.open(3, 'dir/nested/file///')).toBe('ENOTDIR')
    expect(guest.open(3, 'dir/nested/file/.')).toBe('ENOTDIR')
    expect(guest.open(3, 'dir/nested/file/..')).toBe('ENOTDIR')
    expect(guest.open(3, 'dir/missing/../nested/file')).toBe('ENOENT')
    expect(guest.open(3, 'dir/nested///')).toBeTypeOf('number')
    expect(guest.open(3, 'x'.repeat(4097))).toBe('ENAMETOOLONG')
    expect(guest.call('path_unlink_file', 3, ...guest.text(new Uint8Array([0x61, 0xff])))).toBe('EILSEQ')
  })

  test('do not leave a directory that was opened, though it lies inside the mount', () => {
    mkdir('inner')
    touch('outer-file')
    const inner = guest.open(3, 'inner') as number
    expect(guest.open(inner, '../outer-file')).toBe('EPERM')
    guest.symlink('../outer-file', 3, 'inner/link')
    expect(guest.open(inner, 'link')).toBe('EPERM')
    expect(guest.open(3, 'inner/link')).toBeTypeOf('number')
  })

  test('follow symlinks in the middle, and at the end when asked', () => {
    mkdir('dir')
    mkdir('dir/sub')
    touch('dir/sub/file', 'found')
    expect(guest.symlink('dir', 3, 'one')).toBe('ESUCCESS')
    expect(guest.symlink('../one/sub', 3, 'dir/two')).toBe('ESUCCESS')
    expect(guest.symlink('dir/two/file', 3, 'three')).toBe('ESUCCESS')
    expect(contentOf('three')).toBe('found')
    expect(contentOf('one/two/../sub/file')).toBe('found')
    expect(guest.open(3, 'three', { follow: false })).toBe('ELOOP')
    expect(guest.open(3, 'one/two/file', { follow: false })).toBeTypeOf('number')
    expect(guest.stat(3, 'three', false)).toMatchObject({ type: 7, size: 12n })
    expect(guest.stat(3, 'three')).toMatchObject({ type: 4, size: 5n })
    expect(guest.stat(3, 'one/', false)).toMatchObject({ type: 3 })
    expect(guest.stat(3, 'three/')).toBe('ENOTDIR')
  })

  test('stop at loops, long chains, dangling and outward symlinks', () => {
    guest.symlink('loop', 3, 'loop')
    expect(guest.open(3, 'loop')).toBe('ELOOP')
    expect(guest.open(3, 'loop', { follow: false })).toBe('ELOOP')
    expect(guest.stat(3, 'loop/x')).toBe('ELOOP')
    touch('chain0', 'end')
    for (let i = 1; i <= 41; i++) guest.symlink(`chain${i - 1}`, 3, `chain${i}`)
    expect(contentOf('chain40')).toBe('end')
    expect(guest.open(3, 'chain41')).toBe('ELOOP')
    guest.symlink('nowhere', 3, 'dangling')
    expect(guest.open(3, 'dangling')).toBe('ENOENT')
    expect(guest.open(3, 'dangling', { oflags: ['creat', 'excl'], write: true })).toBe('EEXIST')
    expect(guest.open(3, 'dangling', { oflags: ['creat'], write: true })).toBeTypeOf('number')
    expect(guest.stat(3, 'nowhere')).toMatchObject({ type: 4 })
    guest.symlink('../../etc', 3, 'out')
    expect(guest.open(3, 'out')).toBe('EPERM')
    expect(guest.open(3, 'out/passwd')).toBe('EPERM')
    expect(guest.symlink('/etc', 3, 'absolute')).toBe('EPERM')
  })

  test('open as directories, or not', () => {
    mkdir('dir')
    touch('file')
    guest.symlink('dir', 3, 'link')
    guest.symlink('file', 3, 'filelink')
    const directory = { oflags: ['directory'] as const }
    expect(guest.open(3, 'dir', directory)).toBeTypeOf('number')
    expect(guest.open(3, 'dir')).toBeTypeOf('number')
    expect(guest.open(3, 'link', directory)).toBeTypeOf('number')
    expect(guest.open(3, 'link', { ...directory, follow: false })).toBe('ELOOP')
    expect(guest.open(3, 'filelink', directory)).toBe('ENOTDIR')
    expect(guest.open(3, 'file', directory)).toBe('ENOTDIR')
    expect(guest.open(3, 'missing', directory)).toBe('ENOENT')
    expect(guest.open(3, 'dir', { write: true })).toBe('EISDIR')
    expect(guest.open(3, '.', { ...directory, write: true })).toBe('EISDIR')
    expect(guest.open(3, 'new/', { oflags: ['creat'], write: true })).toBe('EISDIR')
    expect(guest.open(3, 'new', { oflags: ['creat', 'directory'] })).toBe('EINVAL')
    expect(guest.open(4, 'x')).toBe('ENOENT')
    expect(guest.call('path_open', 3, 0, ...guest.text('file'), 0, 0n, 0n, 32, 0)).toBe('EINVAL')
    expect(guest.call('path_open', 3, 0, ...guest.text('file'), 16, 0n, 0n, 0, 0)).toBe('EINVAL')
    expect(guest.call('path_open', 3, 0, ...guest.text('file'), 0, -1n, -1n, 0, 0)).toBe('ESUCCESS')
    const file = guest.open(3, 'file') as number
    expect(guest.open(file, 'x')).toBe('ENOTDIR')
    expect(guest.open(1, 'x')).toBe('EBADF')
    expect(guest.open(99, 'x')).toBe('EBADF')
  })

  test('create and truncate files', () => {
    expect(guest.open(3, 'file')).toBe('ENOENT')
    touch('file', 'old')
    expect(guest.open(3, 'file', { write: true, oflags: ['creat', 'excl'] })).toBe('EEXIST')
    expect(contentOf('file')).toBe('old')
    guest.close(guest.open(3, 'file', { write: true, oflags: ['creat'] }) as number)
    expect(contentOf('file')).toBe('old')
    guest.close(guest.open(3, 'file', { write: true, oflags: ['trunc'] }) as number)
    expect(contentOf('file')).toBe('')
    expect(guest.open(3, 'no/such/dir', { write: true, oflags: ['creat'] })).toBe('ENOENT')
    expect(guest.open(3, 'file/below', { write: true, oflags: ['creat'] })).toBe('ENOTDIR')
  })

  test('make and remove directories, with or without a trailing slash', () => {
    expect(mkdir('dir/')).toBe('ESUCCESS')
    expect(mkdir('dir')).toBe('EEXIST')
    expect(mkdir('.')).toBe('EEXIST')
    expect(mkdir('a/b')).toBe('ENOENT')
    touch('dir/file')
    expect(rmdir('dir')).toBe('ENOTEMPTY')
    expect(rmdir('dir/file')).toBe('ENOTDIR')
    expect(rmdir('dir/file/')).toBe('ENOTDIR')
    expect(unlink('dir')).toBe('EISDIR')
    expect(unlink('dir/')).toBe('EISDIR')
    expect(unlink('dir/file/')).toBe('ENOTDIR')
    expect(unlink('dir/missing')).toBe('ENOENT')
    expect(unlink('dir/file')).toBe('ESUCCESS')
    expect(rmdir('dir/.')).toBe('EINVAL')
    expect(rmdir('dir/')).toBe('ESUCCESS')
    expect(rmdir('dir')).toBe('ENOENT')
    mkdir('real')
    guest.symlink('real', 3, 'link')
    expect(rmdir('link/')).toBe('ENOTDIR')
    expect(unlink('link/')).toBe('ENOTDIR')
    expect(unlink('link')).toBe('ESUCCESS')
    expect(guest.stat(3, 'real')).toMatchObject({ type: 3 })
  })

  test('rename files and directories over what may be replaced', () => {
    mkdir('source')
    expect(guest.rename(3, 'source', 'target')).toBe('ESUCCESS')
    expect(guest.stat(3, 'source')).toBe('ENOENT')
    mkdir('source')
    expect(guest.rename(3, 'source/', 'target/')).toBe('ESUCCESS')
    mkdir('source')
    touch('target/file')
    expect(guest.rename(3, 'source', 'target')).toBe('ENOTEMPTY')
    expect(guest.rename(3, 'source', 'target/file')).toBe('ENOTDIR')
    expect(guest.rename(3, 'source', 'source/inside')).toBe('EINVAL')
    touch('one', '1')
    touch('two', '2')
    expect(guest.rename(3, 'one', 'two')).toBe('ESUCCESS')
    expect(contentOf('two')).toBe('1')
    expect(guest.rename(3, 'two', 'source')).toBe('EISDIR')
    expect(guest.rename(3, 'two/', 'three')).toBe('ENOTDIR')
    expect(guest.rename(3, 'two', 'three/')).toBe('ENOTDIR')
    expect(guest.rename(3, 'missing', 'three')).toBe('ENOENT')
    expect(guest.rename(3, 'two', '../three')).toBe('EPERM')
    const target = guest.open(3, 'target') as number
    expect(guest.rename(3, 'two', 'moved', target)).toBe('ESUCCESS')
    expect(contentOf('target/moved')).toBe('1')
  })

  test('make hard links', () => {
    touch('file', 'same')
    expect(guest.link(3, 'file', 'link')).toBe('ESUCCESS')
    expect(contentOf('link')).toBe('same')
    expect(guest.stat(3, 'file')).toMatchObject({ nlink: 2n })
    expect(guest.link(3, 'file', 'link')).toBe('EEXIST')
    expect(guest.link(3, 'file', 'file')).toBe('EEXIST')
    expect(guest.link(3, 'missing', 'x')).toBe('ENOENT')
    expect(guest.link(3, 'file', 'x/')).toBe('ENOENT')
    expect(guest.link(3, 'file/', 'x')).toBe('ENOTDIR')
    mkdir('dir')
    expect(guest.link(3, 'file', 'dir')).toBe('EEXIST')
    expect(guest.link(3, 'dir', 'x')).toBe('EPERM')
    guest.symlink('nowhere', 3, 'dangling')
    expect(guest.link(3, 'dangling', 'copy')).toBe('ESUCCESS')
    expect(guest.stat(3, 'copy', false)).toMatchObject({ type: 7 })
    expect(guest.link(3, 'dangling', 'x', 1)).toBe('ENOENT')
    expect(guest.link(3, 'file', 'dangling')).toBe('EEXIST')
  })

  test('make and read symlinks, into a buffer that may be too short', () => {
    const readlink = (path: string, room: number) => {
      const errno = guest.call('path_readlink', 3, ...guest.text(path), at.bytes, room, 0)
      if (errno !== 'ESUCCESS') return errno
      return new TextDecoder().decode(guest.bytes.slice(at.bytes, at.bytes + guest.u32(0)))
    }
    expect(guest.symlink('target', 3, 'link')).toBe('ESUCCESS')
    expect(readlink('link', 100)).toBe('target')
    expect(readlink('link', 4)).toBe('targ')
    touch('file')
    expect(readlink('file', 10)).toBe('EINVAL')
    expect(readlink('missing', 10)).toBe('ENOENT')
    expect(guest.symlink('source', 3, 'missing/')).toBe('ENOENT')
    expect(guest.symlink('source', 3, 'file')).toBe('EEXIST')
    expect(guest.symlink('source', 3, 'file/')).toBe('ENOTDIR')
    mkdir('dir')
    expect(guest.symlink('source', 3, 'dir')).toBe('EEXIST')
    expect(guest.symlink('source', 3, 'dir/')).toBe('EEXIST')
    expect(guest.symlink('', 3, 'empty')).toBe('ENOENT')
  })

  test('set times of files, and of symlinks themselves', () => {
    touch('file')
    guest.symlink('file', 3, 'link')
    const mtim = (path: string, follow: number) => {
      guest.call('path_filestat_get', 3, follow, ...guest.text(path), 0)
      return guest.u64(48)
    }
    const set = (path: string, follow: number, time: bigint, flags: number) =>
      guest.call('path_filestat_set_times', 3, follow, ...guest.text(path), 0n, time, flags)
    expect(set('link', 1, 12_345n, 4)).toBe('ESUCCESS')
    expect(mtim('file', 0)).toBe(12_345n)
    expect(set('file', 0, 1n, 4 | 8)).toBe('EINVAL')
    expect(mtim('file', 0)).toBe(12_345n)
    expect(set('file', 0, 0n, 8)).toBe('ESUCCESS')
    expect(mtim('file', 0)).toBeGreaterThan(1_600_000_000_000_000_000n)
    expect(set('missing', 0, 1n, 4)).toBe('ENOENT')
  })

  test('list directories with cookies, whatever the size of the buffer', () => {
    mkdir('dir')
    const names = Array.from({ length: 40 }, (_, i) => `file.${i}`)
    for (const name of names) touch(`dir/${name}`)
    const fd = guest.open(3, 'dir') as number
    const all = guest.readdir(fd, 0n, 8000)
    if (typeof all === 'string') throw new Error(all)
    expect(all.names.slice(0, 2)).toEqual(['.', '..'])
    expect(all.names.slice(2).sort()).toEqual([...names].sort())
    for (const room of [32, 100, 257, 1000]) {
      const seen: string[] = []
      for (let cookie = 0n; ; ) {
        const part = guest.readdir(fd, cookie, room)
        if (typeof part === 'string') throw new Error(part)
        seen.push(...part.names)
        cookie = part.next
        if (part.used < room) break
      }
      expect(seen).toEqual(all.names)
    }
    expect(guest.readdir(fd, 41n)).toMatchObject({ names: [all.names[41]] })
    expect(guest.readdir(fd, 42n)).toMatchObject({ names: [], used: 0 })
    expect(guest.readdir(fd, -1n)).toMatchObject({ names: [], used: 0 })
    expect(guest.readdir(guest.create(3, 'file'))).toBe('EBADF')
  })

  test('are listed once each while the guest deletes what it has seen', () => {
    mkdir('dir')
    for (let i = 0; i < 20; i++) touch(`dir/f${i}`)
    const fd = guest.open(3, 'dir') as number
    const seen: string[] = []
    for (let cookie = 0n; ; ) {
      const part = guest.readdir(fd, cookie, 80)
      if (typeof part === 'string') throw new Error(part)
      for (const name of part.names.filter((one) => one.startsWith('f'))) {
        seen.push(name)
        expect(unlink(`dir/${name}`)).toBe('ESUCCESS')
      }
      cookie = part.next
      if (part.used < 80) break
    }
    expect(seen).toHaveLength(20)
    expect(rmdir('dir')).toBe('ESUCCESS')
    expect(guest.readdir(fd)).toBe('ENOENT')
    expect(guest.open(fd, 'x', { write: true, oflags: ['creat'] })).toBe('ENOENT')
  })

  test('opened before a rename go on under the new name', () => {
    mkdir('dir')
    mkdir('dir/sub')
    const sub = guest.open(3, 'dir/sub') as number
    expect(guest.rename(3, 'dir', 'elsewhere')).toBe('ESUCCESS')
    guest.create(sub, 'file', 'x')
    expect(contentOf('elsewhere/sub/file')).toBe('x')
  })
})

describe('a read-only mount', () => {
  test('lets nothing change, and everything be read', () => {
    const host = createTestHost()
    const fs = MemoryFileSystem.create(() => host.clocks.realtime())
    fs.put('dir/file', new TextEncoder().encode('text'))
    const { guest } = start({ mounts: [memoryMount(fs, '/', true)] }, host)
    const fd = guest.open(3, 'dir/file') as number
    expect(guest.read(fd, 9)).toBe('text')
    expect(guest.open(3, 'dir/file', { write: true })).toBe('EROFS')
    expect(guest.open(3, 'dir/file', { oflags: ['trunc'] })).toBe('EROFS')
    expect(guest.open(3, 'dir/file', { oflags: ['creat'] })).toBeTypeOf('number')
    expect(guest.open(3, 'new', { oflags: ['creat'] })).toBe('EROFS')
    expect(guest.path('path_create_directory', 3, 'new')).toBe('EROFS')
    expect(guest.path('path_unlink_file', 3, 'dir/file')).toBe('EROFS')
    expect(guest.path('path_remove_directory', 3, 'dir')).toBe('EROFS')
    expect(guest.rename(3, 'dir', 'new')).toBe('EROFS')
    expect(guest.symlink('dir', 3, 'new')).toBe('EROFS')
    expect(guest.link(3, 'dir/file', 'new')).toBe('EROFS')
    expect(guest.call('fd_filestat_set_times', fd, 0n, 0n, 8)).toBe('EROFS')
    expect(guest.call('path_filestat_set_times', 3, 0, ...guest.text('dir'), 0n, 0n, 8)).toBe('EROFS')
  })
})

describe('two mounts', () => {
  test('have two names', () => {
    const fs = MemoryFileSystem.create(() => 0n)
    expect(() => start({ mounts: [memoryMount(fs, '/a'), memoryMount(fs, '/a')] })).toThrow('mounted as /a')
  })

  test('share no files', () => {
    const host = createTestHost()
    const mounts = ['/a', '/b'].map((name) =>
      memoryMount(
        MemoryFileSystem.create(() => 0n),
        name,
      ),
    )
    const { guest } = start({ mounts }, host)
    guest.create(3, 'file', 'x')
    expect(guest.stat(4, 'file')).toBe('ENOENT')
    expect(guest.rename(3, 'file', 'file', 4)).toBe('EXDEV')
    const errno = guest.call('path_link', 3, 0, ...guest.text('file'), 4, ...guest.text('file', at.text2))
    expect(errno).toBe('EXDEV')
  })
})
