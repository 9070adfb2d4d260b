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

  describe('directories', () => {
    it('makes and removes one', () => {
      expect(fs.mkdir('dir')).toBe(0)
      expect(statOf(fs.stat('dir')).type).toBe('directory')
      expect(fs.rmdir('dir')).toBe(0)
      expect(outcome(fs.stat('dir'))).toBe('ENOENT')
    })
    it('refuses to make what exists', () => {
      writeFile(fs, 'file', '')
      fs.symlink('nowhere', 'link')
      fs.mkdir('dir')
      for (const path of ['file', 'link', 'dir', '']) expect([path, outcome(fs.mkdir(path))]).toEqual([path, 'EEXIST'])
    })
    it('refuses to make one below what is missing or no directory', () => {
      writeFile(fs, 'file', '')
      expect(outcome(fs.mkdir('missing/dir'))).toBe('ENOENT')
      expect(outcome(fs.mkdir('file/dir'))).toBe('ENOTDIR')
    })
    it('refuses to remove one that is not empty', () => {
      fs.mkdir('dir')
      writeFile(fs, 'dir/file', '')
      expect(outcome(fs.rmdir('dir'))).toBe('ENOTEMPTY')
    })
    it('refuses to remove by rmdir what is no directory', () => {
      writeFile(fs, 'file', '')
      fs.symlink('.', 'link')
      expect(outcome(fs.rmdir('file'))).toBe('ENOTDIR')
      expect(outcome(fs.rmdir('link'))).toBe('ENOTDIR')
      expect(outcome(fs.rmdir('missing'))).toBe('ENOENT')
      expect(outcome(fs.rmdir(''))).toBe('EBUSY')
    })
    it('lists names with types and inode numbers', () => {
      writeFile(fs, 'file', '')
      fs.mkdir('dir')
      fs.symlink('file', 'link')
      const entries = fs.readdir('')
      if (typeof entries === 'number') throw new Error(`readdir: ${outcome(entries)}`)
      const found = entries
        .map(({ name, type, ino }) => ({ name, type, ino }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
      expect(found).toEqual(
        ['dir', 'file', 'link'].map((name) => {
          const { type, ino } = statOf(fs.stat(name))
          return { name, type, ino }
        }),
      )
    })
    it('lists in the same order each time', () => {
      for (const name of ['m', 'z', 'a', 'q', 'b', 'x']) writeFile(fs, name, '')
      const order = () => (fs.readdir('') as readonly { name: string }[]).map((entry) => entry.name)
      expect(order()).toEqual(order())
      const before = order()
      fs.unlink('q')
      expect(order()).toEqual(before.filter((name) => name !== 'q'))
    })
    it('lists an empty one as empty, and refuses what is none', () => {
      fs.mkdir('dir')
      writeFile(fs, 'file', '')
      fs.symlink('dir', 'link')
      expect(names(fs, 'dir')).toEqual([])
      expect(names(fs, 'file')).toBe('ENOTDIR')
      expect(names(fs, 'link')).toBe('ENOTDIR')
      expect(names(fs, 'missing')).toBe('ENOENT')
    })
    it('sees a directory that was removed and made again as a new one', () => {
      fs.mkdir('dir')
      writeFile(fs, 'dir/old', '')
      fs.unlink('dir/old')
      fs.rmdir('dir')
      expect(outcome(fs.stat('dir/old'))).toBe('ENOENT')
      fs.mkdir('dir')
      writeFile(fs, 'dir/new', 'here')
      expect(readFile(fs, 'dir/new')).toBe('here')
      expect(names(fs, 'dir')).toEqual(['new'])
    })
    it('works in more directories than it keeps open', () => {
      for (let index = 0; index < 40; index++) {
        fs.mkdir(`d${index}`)
        writeFile(fs, `d${index}/file`, `${index}`)
      }
      for (let index = 0; index < 40; index++) expect(readFile(fs, `d${index}/file`)).toBe(`${index}`)
    })
  })

  describe('unlinking', () => {
    it('removes a file and a symlink, not what it points at', () => {
      writeFile(fs, 'file', 'x')
      fs.symlink('file', 'link')
      expect(fs.unlink('link')).toBe(0)
      expect(names(fs, '')).toEqual(['file'])
      expect(fs.unlink('file')).toBe(0)
      expect(names(fs, '')).toEqual([])
    })
    it('refuses directories and what is missing', () => {
      fs.mkdir('dir')
      expect(outcome(fs.unlink('dir'))).toBe('EISDIR')
      expect(outcome(fs.unlink('missing'))).toBe('ENOENT')
      expect(outcome(fs.unlink(''))).toBe('EISDIR')
      writeFile(fs, 'file', '')
      expect(outcome(fs.unlink('file/below'))).toBe('ENOTDIR')
    })
    it('keeps an open file until it is closed', () => {
      const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
      handle.write(bytes('alive'), 0)
      fs.unlink('file')
      expect(outcome(fs.stat('file'))).toBe('ENOENT')
      expect(readHandle(handle)).toBe('alive')
      handle.write(bytes('!'), 5)
      expect(statOf(handle.stat())).toMatchObject({ nlink: 0n, size: 6n })
      handle.close()
    })
    it('gives a new file under the same name to those who come later', () => {
      const old = opened(fs.open('file', openFlags('read', 'write', 'create')))
      old.write(bytes('old'), 0)
      fs.unlink('file')
      writeFile(fs, 'file', 'new')
      expect([readHandle(old), readFile(fs, 'file')]).toEqual(['old', 'new'])
      old.close()
    })
  })

  describe('links', () => {
    it('gives one file two names', () => {
      writeFile(fs, 'one', 'shared')
      expect(fs.link('one', 'two')).toBe(0)
      expect(statOf(fs.stat('two'))).toMatchObject({ nlink: 2n, ino: statOf(fs.stat('one')).ino })
      writeFile(fs, 'two', 'changed')
      expect(readFile(fs, 'one')).toBe('changed')
      fs.unlink('one')
      expect(statOf(fs.stat('two')).nlink).toBe(1n)
      expect(readFile(fs, 'two')).toBe('changed')
    })
    it('refuses to link directories, missing files, and over existing names', () => {
      fs.mkdir('dir')
      writeFile(fs, 'file', '')
      expect(outcome(fs.link('dir', 'new'))).toBe('EPERM')
      expect(outcome(fs.link('missing', 'new'))).toBe('ENOENT')
      expect(outcome(fs.link('file', 'dir'))).toBe('EEXIST')
      expect(outcome(fs.link('file', 'file'))).toBe('EEXIST')
      expect(outcome(fs.link('file', ''))).toBe('EEXIST')
      expect(outcome(fs.link('file', 'missing/new'))).toBe('ENOENT')
    })
    it('links a symlink itself', () => {
      fs.symlink('target', 'link')
      expect(fs.link('link', 'other')).toBe(0)
      expect(fs.readlink('other')).toBe('target')
      expect(statOf(fs.stat('other')).nlink).toBe(2n)
    })
    it('reads back the target of a symlink, whatever it says', () => {
      for (const [index, target] of ['file', '../outside', '/absolute', 'ü/ß', 'x'.repeat(1000)].entries()) {
        expect(fs.symlink(target, `link${index}`)).toBe(0)
        expect(fs.readlink(`link${index}`)).toBe(target)
      }
    })
    it('stats a symlink as one, with the length of its target in bytes', () => {
      fs.symlink('zürich', 'link')
      expect(statOf(fs.stat('link'))).toMatchObject({ type: 'symlink', size: 7n })
    })
    it('refuses to read the target of what is no symlink', () => {
      writeFile(fs, 'file', '')
      expect(outcome(fs.readlink('file'))).toBe('EINVAL')
      expect(outcome(fs.readlink(''))).toBe('EINVAL')
      expect(outcome(fs.readlink('missing'))).toBe('ENOENT')
    })
    it('refuses symlinks over existing names, with no target, and with one that is too long', () => {
      writeFile(fs, 'file', '')
      expect(outcome(fs.symlink('target', 'file'))).toBe('EEXIST')
      expect(outcome(fs.symlink('target', ''))).toBe('EEXIST')
      expect(outcome(fs.symlink('', 'link'))).toBe('ENOENT')
      expect(outcome(fs.symlink('x'.repeat(5000), 'link'))).toBe('ENAMETOOLONG')
      expect(outcome(fs.symlink('a\0b', 'link'))).toBe('EINVAL')
      expect(outcome(fs.symlink('target', 'missing/link'))).toBe('ENOENT')
    })
  })

  describe('renaming', () => {
    it('moves a file within and between directories', () => {
      fs.mkdir('dir')
      writeFile(fs, 'file', 'moved')
      const { ino } = statOf(fs.stat('file'))
      expect(fs.rename('file', 'other')).toBe(0)
      expect(fs.rename('other', 'dir/third')).toBe(0)
      expect(names(fs, '')).toEqual(['dir'])
      expect(readFile(fs, 'dir/third')).toBe('moved')
      expect(statOf(fs.stat('dir/third')).ino).toBe(ino)
    })
    it('replaces a file, which lives on for who has it open', () => {
      writeFile(fs, 'new', 'new')
      writeFile(fs, 'old', 'old')
      const handle = opened(fs.open('old', openFlags('read')))
      expect(fs.rename('new', 'old')).toBe(0)
      expect([readFile(fs, 'old'), readHandle(handle)]).toEqual(['new', 'old'])
      handle.close()
    })
    it('moves a directory with all below', () => {
      fs.mkdir('a')
      fs.mkdir('a/b')
      writeFile(fs, 'a/b/file', 'x')
      fs.mkdir('c')
      expect(fs.rename('a/b', 'c/d')).toBe(0)
      expect(readFile(fs, 'c/d/file')).toBe('x')
      expect(outcome(fs.stat('a/b'))).toBe('ENOENT')
      expect(outcome(fs.stat('a/b/file'))).toBe('ENOENT')
    })
    it('replaces an empty directory by a directory, and no other', () => {
      for (const path of ['a', 'empty', 'full', 'full/x']) fs.mkdir(path)
      expect(outcome(fs.rename('a', 'full'))).toBe('ENOTEMPTY')
      expect(fs.rename('a', 'empty')).toBe(0)
      expect(names(fs, '')).toEqual(['empty', 'full'])
    })
    it('refuses to mix files and directories', () => {
      fs.mkdir('dir')
      writeFile(fs, 'file', '')
      expect(outcome(fs.rename('file', 'dir'))).toBe('EISDIR')
      expect(outcome(fs.rename('dir', 'file'))).toBe('ENOTDIR')
    })
    it('refuses to move a directory into itself', () => {
      fs.mkdir('a')
      fs.mkdir('a/b')
      expect(outcome(fs.rename('a', 'a/b'))).toBe('EINVAL')
      expect(outcome(fs.rename('a', 'a/b/c'))).toBe('EINVAL')
      expect(outcome(fs.rename('a/b', 'a'))).toBe('ENOTEMPTY')
    })
    it('does nothing when both names are one file', () => {
      writeFile(fs, 'one', 'x')
      fs.link('one', 'two')
      expect(fs.rename('one', 'two')).toBe(0)
      expect(fs.rename('one', 'one')).toBe(0)
      expect(names(fs, '')).toEqual(['one', 'two'])
    })
    it('refuses what is missing, and the root', () => {
      writeFile(fs, 'file', '')
      expect(outcome(fs.rename('missing', 'new'))).toBe('ENOENT')
      expect(outcome(fs.rename('file', 'missing/new'))).toBe('ENOENT')
      expect(outcome(fs.rename('file', 'file/new'))).toBe('ENOTDIR')
      expect(outcome(fs.rename('', 'new'))).toBe('EBUSY')
      expect(outcome(fs.rename('file', ''))).toBe('EBUSY')
    })
    it('moves a symlink itself', () => {
      fs.symlink('nowhere', 'link')
      expect(fs.rename('link', 'moved')).toBe(0)
      expect(fs.readlink('moved')).toBe('nowhere')
    })
  })
})
