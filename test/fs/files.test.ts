import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { openFlags } from '../support/open-flags.ts'
import { type Mount, mounts, names, opened, outcome, readFile, readHandle, statOf, writeFile } from './mounts.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe.each(mounts)('%s', (_name, createMount) => {
  let mount: Mount
  let fs: FileSystem

  beforeEach(() => {
    mount = createMount()
    fs = mount.fs
  })
  afterEach(() => mount.dispose())

  describe('opening', () => {
    it('finds no file in an empty directory', () => {
      expect(outcome(fs.open('missing', openFlags('read')))).toBe('ENOENT')
    })
    it('finds nothing below a missing directory', () => {
      expect(outcome(fs.open('missing/file', openFlags('write', 'create')))).toBe('ENOENT')
    })
    it('refuses to go through a file', () => {
      writeFile(fs, 'file', 'x')
      expect(outcome(fs.open('file/below', openFlags('read')))).toBe('ENOTDIR')
      expect(outcome(fs.open('file/below', openFlags('write', 'create')))).toBe('ENOTDIR')
      expect(outcome(fs.open('file/below/deeper', openFlags('read')))).toBe('ENOTDIR')
    })
    it('creates a file that is missing', () => {
      opened(fs.open('new', openFlags('write', 'create'))).close()
      expect(statOf(fs.stat('new'))).toMatchObject({ type: 'file', size: 0n, nlink: 1n })
    })
    it('creates a file in a nested directory', () => {
      fs.mkdir('a')
      fs.mkdir('a/b')
      writeFile(fs, 'a/b/file', 'deep')
      expect(readFile(fs, 'a/b/file')).toBe('deep')
    })
    it('opens and keeps an existing file when asked to create', () => {
      writeFile(fs, 'file', 'kept')
      opened(fs.open('file', openFlags('write', 'create'))).close()
      expect(readFile(fs, 'file')).toBe('kept')
    })
    it('creates exclusively once only', () => {
      opened(fs.open('file', openFlags('write', 'create', 'exclusive'))).close()
      expect(outcome(fs.open('file', openFlags('write', 'create', 'exclusive')))).toBe('EEXIST')
    })
    it('refuses to create exclusively over a symlink', () => {
      fs.symlink('target', 'link')
      expect(outcome(fs.open('link', openFlags('write', 'create', 'exclusive')))).toBe('EEXIST')
    })
    it('empties a file on truncation', () => {
      writeFile(fs, 'file', 'content')
      opened(fs.open('file', openFlags('write', 'truncate'))).close()
      expect(statOf(fs.stat('file')).size).toBe(0n)
    })
    it('opens a directory for reading', () => {
      fs.mkdir('dir')
      const handle = opened(fs.open('dir', openFlags('read', 'directory')))
      expect(statOf(handle.stat()).type).toBe('directory')
      handle.close()
    })
    it('opens a directory without being told that it is one', () => {
      fs.mkdir('dir')
      const handle = opened(fs.open('dir', openFlags('read')))
      expect(statOf(handle.stat()).type).toBe('directory')
      handle.close()
    })
    it('opens the root', () => {
      const handle = opened(fs.open('', openFlags('read', 'directory')))
      expect(statOf(handle.stat()).ino).toBe(statOf(fs.stat('')).ino)
      handle.close()
    })
    it('refuses to open a directory for writing', () => {
      fs.mkdir('dir')
      expect(outcome(fs.open('dir', openFlags('write')))).toBe('EISDIR')
      expect(outcome(fs.open('dir', openFlags('read', 'write', 'directory')))).toBe('EISDIR')
      expect(outcome(fs.open('', openFlags('write')))).toBe('EISDIR')
    })
    it('refuses to create or truncate over a directory', () => {
      fs.mkdir('dir')
      expect(outcome(fs.open('dir', openFlags('read', 'create')))).toBe('EISDIR')
      expect(outcome(fs.open('dir', openFlags('read', 'truncate')))).toBe('EISDIR')
    })
    it('refuses to open a file as a directory', () => {
      writeFile(fs, 'file', 'x')
      expect(outcome(fs.open('file', openFlags('read', 'directory')))).toBe('ENOTDIR')
    })
    it('leaves a file alone that is to be truncated as a directory', () => {
      writeFile(fs, 'file', 'x')
      expect(outcome(fs.open('file', openFlags('write', 'truncate', 'directory')))).toBe('ENOTDIR')
      expect(readFile(fs, 'file')).toBe('x')
    })
    it('refuses to create a directory by opening', () => {
      expect(outcome(fs.open('dir', openFlags('read', 'create', 'directory')))).toBe('EINVAL')
    })
    it('reports a symlink instead of following it', () => {
      writeFile(fs, 'file', 'x')
      fs.mkdir('dir')
      fs.symlink('file', 'link')
      fs.symlink('dir', 'dirlink')
      expect(outcome(fs.open('link', openFlags('read')))).toBe('ELOOP')
      expect(outcome(fs.open('link', openFlags('write', 'create')))).toBe('ELOOP')
      expect(outcome(fs.open('link', openFlags('write', 'truncate')))).toBe('ELOOP')
      expect(outcome(fs.open('dirlink', openFlags('read', 'directory')))).toBe('ELOOP')
      expect(readFile(fs, 'file')).toBe('x')
    })
    it('refuses to go through a symlink, whatever it leads to', () => {
      fs.mkdir('dir')
      writeFile(fs, 'dir/file', 'x')
      fs.symlink('dir', 'link')
      fs.symlink('nowhere', 'dangling')
      fs.symlink('loop', 'loop')
      for (const link of ['link', 'dangling', 'loop']) {
        expect(outcome(fs.open(`${link}/file`, openFlags('read')))).toBe('ENOTCAPABLE')
        expect(outcome(fs.open(`${link}/file`, openFlags('write', 'create')))).toBe('ENOTCAPABLE')
        expect(outcome(fs.stat(`${link}/file`))).toBe('ENOTCAPABLE')
        expect(outcome(fs.stat(`${link}/x/y`))).toBe('ENOTCAPABLE')
        expect(outcome(fs.mkdir(`${link}/new`))).toBe('ENOTCAPABLE')
        expect(outcome(fs.unlink(`${link}/file`))).toBe('ENOTCAPABLE')
      }
      expect(names(fs, 'dir')).toEqual(['file'])
    })
    it('refuses names that would lead out of a directory', () => {
      fs.mkdir('dir')
      for (const path of ['..', 'dir/..', '.', 'dir/.'])
        expect([path, outcome(fs.open(path, openFlags('read')))]).toEqual([path, 'EINVAL'])
      expect(outcome(fs.mkdir('..'))).toBe('EINVAL')
      expect(outcome(fs.stat('dir/..'))).toBe('EINVAL')
      expect(typeof fs.stat('dir/../dir')).toBe('number')
      expect(typeof fs.stat('/dir')).toBe('number')
    })
    it('refuses names with a zero byte', () => {
      expect(outcome(fs.open('a\0b', openFlags('write', 'create')))).toBe('EINVAL')
      expect(outcome(fs.stat('a\0b'))).toBe('EINVAL')
      expect(outcome(fs.mkdir('a\0b'))).toBe('EINVAL')
    })
    it('refuses names above 255 bytes', () => {
      expect(outcome(fs.open('n'.repeat(256), openFlags('write', 'create')))).toBe('ENAMETOOLONG')
      expect(outcome(fs.stat('é'.repeat(128)))).toBe('ENAMETOOLONG')
      expect(outcome(fs.mkdir('n'.repeat(255)))).toBe(0)
    })
    it('keeps names that are not ASCII', () => {
      writeFile(fs, 'naïve 文件 🙂', 'x')
      expect(names(fs, '')).toEqual(['naïve 文件 🙂'])
      expect(readFile(fs, 'naïve 文件 🙂')).toBe('x')
    })
  })

  describe('reading and writing', () => {
    it('reads back what was written', () => {
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      expect(handle.write(bytes('hello'), 0)).toBe(5)
      expect(readHandle(handle)).toBe('hello')
      handle.close()
    })
    it('writes at a position', () => {
      writeFile(fs, 'file', 'aaaaa')
      const handle = opened(fs.open('file', openFlags('write')))
      expect(handle.write(bytes('bb'), 2)).toBe(2)
      handle.close()
      expect(readFile(fs, 'file')).toBe('aabba')
    })
    it('reads from a position, and nothing at and after the end', () => {
      writeFile(fs, 'file', 'abcdef')
      const handle = opened(fs.open('file', openFlags('read')))
      const target = new Uint8Array(4)
      expect(handle.read(target, 4)).toBe(2)
      expect(new TextDecoder().decode(target.subarray(0, 2))).toBe('ef')
      expect(handle.read(target, 6)).toBe(0)
      expect(handle.read(target, 600)).toBe(0)
      handle.close()
    })
    it('fills a gap with zeros', () => {
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      handle.write(bytes('x'), 100_000)
      const target = new Uint8Array(100_002).fill(7)
      expect(handle.read(target, 0)).toBe(100_001)
      expect(target.subarray(0, 100_000).every((byte) => byte === 0)).toBe(true)
      expect([...target.subarray(100_000)]).toEqual([120, 7])
      handle.close()
    })
    it('keeps large contents whole across many chunks', () => {
      const content = Uint8Array.from({ length: 300_001 }, (_, index) => (index * 7 + (index >> 9)) & 255)
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      for (let at = 0; at < content.length; at += 99_991) handle.write(content.subarray(at, at + 99_991), at)
      const target = new Uint8Array(content.length)
      expect(handle.read(target, 0)).toBe(content.length)
      expect(Buffer.compare(target, content)).toBe(0)
      handle.close()
    })
    it('appends whatever the position', () => {
      writeFile(fs, 'file', 'abc')
      const handle = opened(fs.open('file', openFlags('write', 'append')))
      expect(handle.write(bytes('de'), 0)).toBe(2)
      expect(handle.write(bytes('f'), 1)).toBe(1)
      handle.close()
      expect(readFile(fs, 'file')).toBe('abcdef')
    })
    it('refuses to write to a handle opened for reading', () => {
      writeFile(fs, 'file', 'x')
      const handle = opened(fs.open('file', openFlags('read')))
      expect(outcome(handle.write(bytes('y'), 0))).toBe('EBADF')
      expect(outcome(handle.truncate(0))).toBe('EINVAL')
      expect(outcome(handle.allocate(0, 10))).toBe('EBADF')
      handle.close()
      expect(readFile(fs, 'file')).toBe('x')
    })
    it('refuses to read from a handle opened for writing', () => {
      const handle = opened(fs.open('file', openFlags('write', 'create')))
      expect(outcome(handle.read(new Uint8Array(1), 0))).toBe('EBADF')
      handle.close()
    })
    it('refuses to read or write a directory', () => {
      fs.mkdir('dir')
      const handle = opened(fs.open('dir', openFlags('read')))
      expect(outcome(handle.read(new Uint8Array(1), 0))).toBe('EISDIR')
      expect(outcome(handle.write(bytes('x'), 0))).toBe('EBADF')
      handle.close()
    })
    it('refuses positions that are none', () => {
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      for (const position of [-1, Number.NaN, 1.5, 2 ** 60]) {
        expect(outcome(handle.read(new Uint8Array(1), position))).toBe('EINVAL')
        expect(outcome(handle.write(bytes('x'), position))).toBe('EINVAL')
        expect(outcome(handle.truncate(position))).toBe('EINVAL')
      }
      handle.close()
    })
    it('answers EBADF on a closed handle, and closes twice without harm', () => {
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      handle.close()
      handle.close()
      expect(outcome(handle.read(new Uint8Array(1), 0))).toBe('EBADF')
      expect(outcome(handle.write(bytes('x'), 0))).toBe('EBADF')
      expect(outcome(handle.stat())).toBe('EBADF')
      expect(outcome(handle.sync(false))).toBe('EBADF')
      expect(outcome(handle.setTimes(1n, 1n))).toBe('EBADF')
      expect(outcome(handle.setAppend(true))).toBe('EBADF')
    })
    it('shows one handle what another wrote', () => {
      const writer = opened(fs.open('file', openFlags('write', 'create')))
      const reader = opened(fs.open('file', openFlags('read')))
      writer.write(bytes('seen'), 0)
      expect(readHandle(reader)).toBe('seen')
      writer.close()
      reader.close()
    })
    it('turns append on and off on an open handle', () => {
      writeFile(fs, 'file', 'abc')
      const handle = opened(fs.open('file', openFlags('read', 'write')))
      if (handle.setAppend(true) !== 0) {
        // Only the walking mount may lack it: it has no way to open a file again that may have lost its name.
        expect(outcome(handle.setAppend(true))).toBe('ENOTSUP')
        expect(_name).toBe('directory by walking')
        handle.close()
        return
      }
      handle.write(bytes('d'), 0)
      expect(handle.setAppend(false)).toBe(0)
      handle.write(bytes('A'), 0)
      expect(readHandle(handle)).toBe('Abcd')
      handle.close()
    })
  })

  describe('sizes', () => {
    it('shortens and extends by truncation', () => {
      writeFile(fs, 'file', 'abcdef')
      const handle = opened(fs.open('file', openFlags('read', 'write')))
      expect(handle.truncate(3)).toBe(0)
      expect(handle.truncate(5)).toBe(0)
      expect(readHandle(handle)).toBe('abc\0\0')
      handle.close()
    })
    it('shows no old bytes after shortening and writing behind', () => {
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      handle.write(new Uint8Array(200_000).fill(1), 0)
      handle.truncate(70_000)
      handle.write(bytes('x'), 199_999)
      const target = new Uint8Array(200_000)
      handle.read(target, 0)
      expect(target[69_999]).toBe(1)
      expect(target.subarray(70_000, 199_999).every((byte) => byte === 0)).toBe(true)
      handle.close()
    })
    it('allocates up to an end and never shortens', () => {
      writeFile(fs, 'file', 'abc')
      const handle = opened(fs.open('file', openFlags('read', 'write')))
      expect(handle.allocate(2, 4)).toBe(0)
      expect(statOf(handle.stat()).size).toBe(6n)
      expect(handle.allocate(0, 1)).toBe(0)
      expect(readHandle(handle)).toBe('abc\0\0\0')
      expect(outcome(handle.allocate(0, 0))).toBe('EINVAL')
      expect(outcome(handle.allocate(-1, 2))).toBe('EINVAL')
      handle.close()
    })
    it('syncs data and all', () => {
      const handle = opened(fs.open('file', openFlags('write', 'create', 'sync', 'dsync', 'rsync')))
      handle.write(bytes('x'), 0)
      expect([handle.sync(true), handle.sync(false)]).toEqual([0, 0])
      handle.close()
    })
  })

  describe('stat and times', () => {
    it('reports a directory for the root', () => {
      expect(statOf(fs.stat('')).type).toBe('directory')
    })
    it('reports the same through a handle and by path', () => {
      writeFile(fs, 'file', 'abc')
      const handle = opened(fs.open('file', openFlags('read')))
      expect(statOf(handle.stat())).toEqual(statOf(fs.stat('file')))
      handle.close()
    })
    it('gives different files different numbers', () => {
      writeFile(fs, 'a', '')
      writeFile(fs, 'b', '')
      expect(statOf(fs.stat('a')).ino).not.toBe(statOf(fs.stat('b')).ino)
    })
    it('sets both times to the nanosecond', () => {
      writeFile(fs, 'file', '')
      expect(fs.setTimes('file', 1_600_000_000_123_456_789n, 1_500_000_000_987_654_321n)).toBe(0)
      expect(statOf(fs.stat('file'))).toMatchObject({
        atim: 1_600_000_000_123_456_789n,
        mtim: 1_500_000_000_987_654_321n,
      })
    })
    it('leaves alone the time that is not given', () => {
      writeFile(fs, 'file', '')
      const before = statOf(fs.stat('file'))
      expect(fs.setTimes('file', undefined, 1_234_567_890n)).toBe(0)
      expect(statOf(fs.stat('file'))).toMatchObject({ atim: before.atim, mtim: 1_234_567_890n })
      expect(fs.setTimes('file', 77n, undefined)).toBe(0)
      expect(statOf(fs.stat('file'))).toMatchObject({ atim: 77n, mtim: 1_234_567_890n })
    })
    it('sets times through a handle', () => {
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      expect(handle.setTimes(5_000_000_001n, 6_000_000_001n)).toBe(0)
      expect(statOf(fs.stat('file'))).toMatchObject({ atim: 5_000_000_001n, mtim: 6_000_000_001n })
      handle.close()
    })
    it('sets the times of a symlink, not of its target', () => {
      writeFile(fs, 'file', '')
      fs.symlink('file', 'link')
      const before = statOf(fs.stat('file'))
      expect(fs.setTimes('link', 1_000_000_000n, 2_000_000_000n)).toBe(0)
      expect(statOf(fs.stat('link')).mtim).toBe(2_000_000_000n)
      expect(statOf(fs.stat('file'))).toMatchObject({ mtim: before.mtim })
    })
    it('forgets a time that was set as soon as the file changes', () => {
      const handle = opened(fs.open('file', openFlags('write', 'create')))
      handle.setTimes(1_000_000_123n, 1_000_000_123n)
      handle.write(bytes('x'), 0)
      expect(statOf(handle.stat()).mtim).toBeGreaterThan(1_600_000_000_000_000_000n)
      handle.close()
    })
    it('refuses to set the times of what is missing', () => {
      expect(outcome(fs.setTimes('missing', 1n, 1n))).toBe('ENOENT')
    })
    it('changes the modification time with the content', () => {
      writeFile(fs, 'file', 'a')
      fs.setTimes('file', 1n, 1n)
      writeFile(fs, 'file', 'b')
      expect(statOf(fs.stat('file')).mtim).toBeGreaterThan(1n)
    })
  })
})
