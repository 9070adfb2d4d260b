import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { MemoryFileSystem, type MemoryOptions } from '../../wasm-shim/wasi/fs/memory.ts'
import { openFlags } from '../support/open-flags.ts'
import { names, opened, outcome, readFile, readHandle, statOf, writeFile } from './mounts.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const clock = () => 1_000_000_000n
const create = (options?: MemoryOptions) => MemoryFileSystem.create(clock, options)
const again = (fs: MemoryFileSystem) => MemoryFileSystem.restore(fs.save(), clock)

function createExample(): MemoryFileSystem {
  const fs = create()
  fs.put('etc/config', bytes('key=value'))
  fs.put('data/deep/file', new Uint8Array(150_000).fill(3))
  fs.link('etc/config', 'data/same')
  fs.symlink('../etc/config', 'data/link')
  fs.mkdir('empty')
  fs.setTimes('empty', 123_456_789_012_345_678n, 2n ** 63n)
  return fs
}

describe('saving a memory file system', () => {
  it('brings back files, links, symlinks, directories, order and times', () => {
    const [fs, restored] = [createExample(), again(createExample())]
    for (const path of ['', 'etc', 'etc/config', 'data', 'data/deep/file', 'data/same', 'data/link', 'empty'])
      expect([path, restored.stat(path)]).toEqual([path, fs.stat(path)])
    expect(restored.readdir('data')).toEqual(fs.readdir('data'))
    expect(restored.readlink('data/link')).toBe('../etc/config')
    expect(Buffer.compare(restored.get('data/deep/file') as Uint8Array, fs.get('data/deep/file') as Uint8Array)).toBe(0)
    writeFile(restored, 'data/same', 'changed')
    expect(readFile(restored, 'etc/config')).toBe('changed')
  })

  it('gives the same bytes for the same tree, and after a restore', () => {
    const saved = createExample().save()
    expect(Buffer.compare(saved, createExample().save())).toBe(0)
    expect(Buffer.compare(saved, MemoryFileSystem.restore(saved, clock).save())).toBe(0)
  })

  it('depends on contents and not on how they came about', () => {
    const direct = create()
    direct.put('file', bytes('abc'))
    const roundabout = create()
    roundabout.put('file', new Uint8Array(100_000).fill(9))
    const handle = opened(roundabout.open('file', openFlags('write')))
    handle.truncate(0)
    handle.write(bytes('abc'), 0)
    handle.close()
    expect(Buffer.compare(direct.save(), roundabout.save())).toBe(0)
  })

  it('keeps an open file that has lost its name, to be opened again by its inode', () => {
    const fs = create()
    const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
    handle.write(bytes('nameless'), 0)
    fs.unlink('file')
    const restored = again(fs)
    expect(names(restored, '')).toEqual([])
    const reopened = opened(restored.openInode(handle.inode as bigint, openFlags('read', 'write')))
    expect(readHandle(reopened)).toBe('nameless')
    expect(statOf(reopened.stat()).nlink).toBe(0n)
    expect(reopened.inode).toBe(handle.inode)
    reopened.close()
    expect(outcome(restored.openInode(handle.inode as bigint, openFlags('read')))).toBe('ENOENT')
    expect(Buffer.compare(again(restored).save(), restored.save())).toBe(0)
  })

  it('finds an open file by its inode under the name it has got since', () => {
    const fs = create()
    const handle = opened(fs.open('before', openFlags('write', 'create')))
    fs.rename('before', 'after')
    const restored = again(fs)
    opened(restored.openInode(handle.inode as bigint, openFlags('write', 'append'))).write(bytes('x'), 0)
    expect(readFile(restored, 'after')).toBe('x')
  })

  it('keeps an open directory that was removed', () => {
    const fs = create()
    fs.mkdir('dir')
    const handle = opened(fs.open('dir', openFlags('read')))
    fs.rmdir('dir')
    const reopened = opened(again(fs).openInode(handle.inode as bigint, openFlags('read', 'directory')))
    expect(statOf(reopened.stat())).toMatchObject({ type: 'directory', nlink: 0n })
  })

  it('forgets a file without names as soon as it is closed', () => {
    const fs = create()
    const before = fs.save().length
    const handle = opened(fs.open('file', openFlags('write', 'create')))
    handle.write(new Uint8Array(50_000).fill(1), 0)
    fs.unlink('file')
    expect(fs.save().length).toBeGreaterThan(50_000)
    handle.close()
    expect(fs.save().length).toBe(before)
  })

  it('stores no holes', () => {
    const fs = create()
    const handle = opened(fs.open('sparse', openFlags('read', 'write', 'create')))
    handle.write(bytes('end'), 1_000_000_000)
    expect(fs.save().length).toBeLessThan(1000 + 65536)
    const restored = again(fs)
    expect(statOf(restored.stat('sparse')).size).toBe(1_000_000_003n)
    const target = new Uint8Array(5)
    opened(restored.open('sparse', openFlags('read'))).read(target, 999_999_998)
    expect([...target]).toEqual([0, 0, ...bytes('end')])
  })

  it('numbers new files on from where it was', () => {
    const fs = create()
    fs.put('a', bytes(''))
    const restored = again(fs)
    restored.put('b', bytes(''))
    expect(statOf(restored.stat('b')).ino).toBeGreaterThan(statOf(fs.stat('a')).ino)
  })
})

describe('a damaged memory file system', () => {
  const restore = (saved: Uint8Array) => MemoryFileSystem.restore(saved, clock)
  const node = (ino: number, kind: string, more: object) => ({ ino, kind, atim: 0, mtim: 0, ctim: 0, ...more })
  const image = (next: number, ...inodes: object[]) => encode({ format: 'stasis-memory-fs', version: 1, next, inodes })
  const root = (...entries: unknown[]) => node(1, 'directory', { entries })

  it('is accepted when it is none', () => {
    expect(
      names(restore(image(3, root(['f', 2]), node(2, 'file', { size: 3, parts: [[0, bytes('abc')]] }))), ''),
    ).toEqual(['f'])
  })

  const damages: readonly (readonly [string, Uint8Array])[] = [
    ['of no bytes', new Uint8Array(0)],
    ['with bytes behind', new Uint8Array([...image(2, root()), 0])],
    ['of another format', encode({ format: 'other', version: 1, next: 2, inodes: [root()] })],
    ['of a later version', encode({ format: 'stasis-memory-fs', version: 2, next: 2, inodes: [root()] })],
    ['with another field', encode({ format: 'stasis-memory-fs', version: 1, next: 2, inodes: [root()], more: 1 })],
    ['without a root', image(3, node(2, 'directory', { entries: [] }))],
    ['whose root is a file', image(2, node(1, 'file', { size: 0, parts: [] }))],
    ['with an inode twice', image(3, root(), root())],
    ['with an inode above the next', image(2, root(['f', 2]), node(2, 'file', { size: 0, parts: [] }))],
    ['with an entry that points nowhere', image(3, root(['f', 2]))],
    ['with a name twice', image(3, root(['f', 2], ['f', 2]), node(2, 'file', { size: 0, parts: [] }))],
    ['with a name that leads out', image(3, root(['..', 2]), node(2, 'file', { size: 0, parts: [] }))],
    ['with a name of two components', image(3, root(['a/b', 2]), node(2, 'file', { size: 0, parts: [] }))],
    ['whose root is below itself', image(2, root(['loop', 1]))],
    ['with a directory under two names', image(3, root(['a', 2], ['b', 2]), node(2, 'directory', { entries: [] }))],
    [
      'with a ring of directories',
      image(4, root(), node(2, 'directory', { entries: [['x', 3]] }), node(3, 'directory', { entries: [['y', 2]] })),
    ],
    ['with a part behind the end', image(3, root(['f', 2]), node(2, 'file', { size: 2, parts: [[0, bytes('abc')]] }))],
    ['with a part off the grid', image(3, root(['f', 2]), node(2, 'file', { size: 9, parts: [[1, bytes('abc')]] }))],
    ['with a part that is no pair', image(3, root(['f', 2]), node(2, 'file', { size: 9, parts: [[0]] }))],
    ['with an empty symlink', image(3, root(['l', 2]), node(2, 'symlink', { target: '' }))],
    ['with a time before the epoch', image(3, root(['l', 2]), { ...node(2, 'symlink', { target: 'x' }), mtim: -1 })],
    ['with an unknown kind', image(3, root(['l', 2]), node(2, 'fifo', {}))],
    ['with a null for an inode', encode({ format: 'stasis-memory-fs', version: 1, next: 2, inodes: [null] })],
    ['of deep nesting', new Uint8Array(100_000).fill(0x81)],
  ]
  it.each(damages)('%s is refused with a sentence', (_name, saved) => {
    expect(() => restore(saved)).toThrow(expect.objectContaining({ code: 'STASIS_MEMORY_FS_DAMAGED' }))
  })

  it('is refused or restored, never crashes, whatever bytes are changed', () => {
    const saved = createExample().save()
    const head = 400
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(head - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const damaged = saved.slice()
        for (const [at, byte] of changes) damaged[at < head / 2 ? at : damaged.length - head + at] = byte
        try {
          restore(damaged).save()
        } catch (error) {
          if (!isStasisError(error)) throw error
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('limits of a memory file system', () => {
  it('refuses to grow a file above its largest size', () => {
    const fs = create({ maxFileSize: 100 })
    const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
    expect(handle.write(new Uint8Array(60), 0)).toBe(60)
    expect(handle.write(new Uint8Array(60), 60)).toBe(40)
    expect(outcome(handle.write(new Uint8Array(1), 100))).toBe('ENOSPC')
    expect(outcome(handle.truncate(101))).toBe('ENOSPC')
    expect(outcome(handle.allocate(50, 51))).toBe('ENOSPC')
    expect(statOf(handle.stat()).size).toBe(100n)
  })

  it('takes no more than its total size, and gives back what is removed', () => {
    const fs = create({ maxTotalSize: 300_000 })
    const fill = () => {
      const handle = opened(fs.open('file', openFlags('write', 'create')))
      let position = 0
      for (;;) {
        const count = handle.write(new Uint8Array(10_000).fill(1), position)
        if (count < 0) {
          handle.close()
          return { position, end: outcome(count) }
        }
        position += count
      }
    }
    const first = fill()
    expect(first).toMatchObject({ end: 'ENOSPC' })
    expect(first.position).toBeGreaterThan(200_000)
    fs.unlink('file')
    expect(fill()).toEqual(first)
  })

  it('counts names, so that empty files are not free', () => {
    const fs = create({ maxTotalSize: 10_000 })
    let count = 0
    while (typeof fs.open(`file${count}`, openFlags('write', 'create')) !== 'number') count++
    expect(count).toBeLessThan(40)
    expect(outcome(fs.mkdir('dir'))).toBe('ENOSPC')
    expect(outcome(fs.symlink('x', 'link'))).toBe('ENOSPC')
    expect(outcome(fs.link('file0', 'link'))).toBe('ENOSPC')
    fs.unlink('file0')
    expect(fs.mkdir('dir')).toBe(0)
  })
})

describe('a host that fills a memory file system', () => {
  it('puts files with the directories on the way, over what was there', () => {
    const fs = create()
    fs.put('/a/b/c', bytes('long content'))
    fs.put('a/b/c', bytes('short'))
    expect(new TextDecoder().decode(fs.get('a/b/c'))).toBe('short')
    expect(fs.get('a/b')).toBeUndefined()
    expect(fs.get('missing')).toBeUndefined()
  })

  it('is told what does not fit, and why', () => {
    const fs = create({ maxFileSize: 10 })
    fs.put('file', bytes('x'))
    expect(() => fs.put('big', new Uint8Array(11))).toThrow(/full/)
    expect(() => fs.put('file/below', bytes('x'))).toThrow(/directory/)
    expect(() => fs.put('../out', bytes('x'))).toThrow(expect.objectContaining({ code: 'STASIS_MEMORY_FS_PUT' }))
  })

  it('is told of an option that does not exist', () => {
    expect(() => create({ size: 1 } as MemoryOptions)).toThrow(/no option "size"/)
  })
})
