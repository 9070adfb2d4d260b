import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DirectoryOptions, openDirectory } from '../../host-node/directory.ts'
import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { names, opened, outcome, readFile, readHandle, statOf, writeFile } from '../fs/mounts.ts'
import { openFlags } from '../support/open-flags.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const onLinux = process.platform === 'linux'
const ways: readonly ('proc' | 'walk')[] = onLinux ? ['proc', 'walk'] : ['walk']

let base: string
let root: string
let outside: string
const mounted: FileSystem[] = []

function mount(options: DirectoryOptions = {}): FileSystem {
  const fs = openDirectory(root, options)
  mounted.push(fs)
  return fs
}

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'stasis-dir-'))
  root = join(base, 'root')
  outside = join(base, 'outside')
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'outside')
})
afterEach(() => {
  for (const fs of mounted.splice(0)) fs.close?.()
  rmSync(base, { recursive: true, force: true })
})

describe.each(ways)('a directory mounted by %s', (locate) => {
  it('is not left through symlinks that the host has put there', () => {
    symlinkSync(outside, join(root, 'absolute'))
    symlinkSync('../outside', join(root, 'relative'))
    symlinkSync('../outside/secret', join(root, 'file'))
    const fs = mount({ locate })
    for (const link of ['absolute', 'relative']) {
      expect(outcome(fs.open(`${link}/secret`, openFlags('read')))).toBe('ENOTCAPABLE')
      expect(outcome(fs.open(`${link}/missing`, openFlags('read')))).toBe('ENOTCAPABLE')
      expect(outcome(fs.open(`${link}/new`, openFlags('write', 'create')))).toBe('ENOTCAPABLE')
      expect(outcome(fs.stat(`${link}/secret`))).toBe('ENOTCAPABLE')
      expect(outcome(fs.readlink(`${link}/secret`))).toBe('ENOTCAPABLE')
      expect(outcome(fs.setTimes(`${link}/secret`, 1n, 1n))).toBe('ENOTCAPABLE')
      expect(outcome(fs.unlink(`${link}/secret`))).toBe('ENOTCAPABLE')
      expect(outcome(fs.rename(`${link}/secret`, 'stolen'))).toBe('ENOTCAPABLE')
      expect(outcome(fs.link(`${link}/secret`, 'stolen'))).toBe('ENOTCAPABLE')
      expect(outcome(fs.symlink('x', `${link}/new`))).toBe('ENOTCAPABLE')
      expect(outcome(fs.mkdir(`${link}/new`))).toBe('ENOTCAPABLE')
      expect(names(fs, link)).toBe('ENOTDIR')
    }
    expect(outcome(fs.open('file', openFlags('read', 'write')))).toBe('ELOOP')
    expect(outcome(fs.open('file', openFlags('write', 'truncate')))).toBe('ELOOP')
    expect(readdirSync(outside)).toEqual(['secret'])
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('outside')
  })

  it('sees at once what others do in it', () => {
    const fs = mount({ locate })
    fs.mkdir('dir')
    writeFile(fs, 'dir/file', 'old')
    expect(readFile(fs, 'dir/file')).toBe('old')
    renameSync(join(root, 'dir'), join(root, 'away'))
    expect(readFile(fs, 'dir/file')).toBe('ENOENT')
    mkdirSync(join(root, 'dir'))
    writeFileSync(join(root, 'dir', 'file'), 'new')
    expect(readFile(fs, 'dir/file')).toBe('new')
    writeFile(fs, 'dir/file', 'newer')
    expect(readFileSync(join(root, 'dir', 'file'), 'utf8')).toBe('newer')
    expect(readFileSync(join(root, 'away', 'file'), 'utf8')).toBe('old')
  })

  it('lists names in ascending order', () => {
    const fs = mount({ locate })
    for (const name of ['b', 'a', 'C', 'ä', '10', '9']) writeFile(fs, name, '')
    const entries = fs.readdir('') as readonly { name: string }[]
    expect(entries.map(({ name }) => name)).toEqual(['10', '9', 'C', 'a', 'b', 'ä'])
  })

  it('gives 0 for the inode of an entry that has gone since', () => {
    const fs = mount({ locate })
    writeFile(fs, 'file', '')
    const entries = fs.readdir('') as readonly { ino: bigint }[]
    fs.unlink('file')
    expect(entries[0]?.ino).toBe(0n)
  })

  it.runIf(process.platform !== 'win32')('does not hang on a FIFO that nobody writes to', () => {
    execFileSync('mkfifo', [join(root, 'fifo')])
    const fs = mount({ locate })
    const handle = opened(fs.open('fifo', openFlags('read')))
    expect(statOf(handle.stat()).type).toBe('unknown')
    expect(outcome(handle.read(new Uint8Array(1), 0))).toBe('ESPIPE')
    handle.close()
    expect(outcome(fs.open('fifo', openFlags('write')))).toBe('ENXIO')
  })

  it('is refused with a sentence when it does not exist or is a file', () => {
    for (const path of [join(base, 'missing'), join(outside, 'secret')])
      expect(() => openDirectory(path, { locate })).toThrow(
        expect.objectContaining({ code: 'STASIS_MOUNT_UNAVAILABLE', message: expect.stringContaining(path) }),
      )
  })

  describe('read-only', () => {
    let fs: FileSystem
    beforeEach(() => {
      writeFileSync(join(root, 'file'), 'content')
      mkdirSync(join(root, 'dir'))
      symlinkSync('file', join(root, 'link'))
      fs = mount({ locate, readOnly: true })
    })

    it('is read as any other', () => {
      expect(fs.readOnly).toBe(true)
      expect(readFile(fs, 'file')).toBe('content')
      expect(names(fs, '')).toEqual(['dir', 'file', 'link'])
      expect(fs.readlink('link')).toBe('file')
      expect(readHandle(opened(fs.open('file', openFlags('read', 'create'))))).toBe('content')
    })

    it('refuses every change with EROFS', () => {
      for (const flags of [openFlags('write'), openFlags('read', 'truncate'), openFlags('read', 'write', 'append')])
        expect(outcome(fs.open('file', flags))).toBe('EROFS')
      expect(outcome(fs.open('new', openFlags('read', 'create')))).toBe('EROFS')
      expect(outcome(fs.mkdir('new'))).toBe('EROFS')
      expect(outcome(fs.symlink('x', 'new'))).toBe('EROFS')
      expect(outcome(fs.link('file', 'new'))).toBe('EROFS')
      expect(outcome(fs.unlink('file'))).toBe('EROFS')
      expect(outcome(fs.rmdir('dir'))).toBe('EROFS')
      expect(outcome(fs.rename('file', 'new'))).toBe('EROFS')
      expect(outcome(fs.setTimes('file', 1n, 1n))).toBe('EROFS')
      const handle = opened(fs.open('file', openFlags('read')))
      expect(outcome(handle.setTimes(1n, 1n))).toBe('EROFS')
      expect(outcome(handle.write(bytes('x'), 0))).toBe('EBADF')
      handle.close()
      expect(readdirSync(root).sort()).toEqual(['dir', 'file', 'link'])
    })

    it('names other mistakes as they are', () => {
      expect(outcome(fs.open('missing', openFlags('write')))).toBe('ENOENT')
      expect(outcome(fs.open('dir', openFlags('write')))).toBe('EISDIR')
      expect(outcome(fs.open('link', openFlags('write')))).toBe('ELOOP')
      expect(outcome(fs.open('file', openFlags('write', 'create', 'exclusive')))).toBe('EEXIST')
      expect(outcome(fs.mkdir('dir'))).toBe('EEXIST')
      expect(outcome(fs.symlink('x', 'link'))).toBe('EEXIST')
    })
  })
})

describe('a mount', () => {
  it('is refused an option that does not exist', () => {
    expect(() => openDirectory(root, { readonly: true } as DirectoryOptions)).toThrow(/no option "readonly"/)
  })

  it('may be given through a symlink, which is the host\u2019s own word', () => {
    symlinkSync(root, join(base, 'alias'))
    writeFileSync(join(root, 'file'), 'x')
    for (const locate of ways) {
      const fs = openDirectory(join(base, 'alias'), { locate })
      mounted.push(fs)
      expect(readFile(fs, 'file')).toBe('x')
    }
  })

  it('tells files that are one from files that are two', () => {
    writeFileSync(join(root, 'a'), '')
    linkSync(join(root, 'a'), join(root, 'b'))
    writeFileSync(join(root, 'c'), '')
    const [a, b, c] = ['a', 'b', 'c'].map((name) => statOf(mount().stat(name)))
    expect([a?.dev === b?.dev, a?.ino === b?.ino, a?.ino === c?.ino]).toEqual([true, true, false])
  })
})

// Everything below needs /proc/self/fd.
describe.runIf(onLinux)('a directory mounted on Linux', () => {
  const openDescriptors = () => readdirSync('/proc/self/fd').length

  it('follows its root when somebody moves it', () => {
    const fs = mount()
    fs.mkdir('dir')
    writeFile(fs, 'dir/file', 'x')
    renameSync(root, join(base, 'moved'))
    mkdirSync(root)
    expect(readFile(fs, 'dir/file')).toBe('x')
    mkdirSync(join(root, 'dir'))
    writeFile(fs, 'dir/new', 'y')
    expect(existsSync(join(base, 'moved', 'dir', 'new'))).toBe(true)
    expect(readdirSync(join(root, 'dir'))).toEqual([])
  })

  it('does not take another directory for its root', async () => {
    const fs = mount()
    fs.mkdir('dir')
    writeFile(fs, 'dir/file', 'mine')
    renameSync(root, join(base, 'moved'))
    mkdirSync(join(root, 'dir'), { recursive: true })
    writeFileSync(join(root, 'dir', 'file'), 'other')
    writeFile(fs, 'dir/file', 'still mine')
    expect(readFileSync(join(root, 'dir', 'file'), 'utf8')).toBe('other')
    expect(readFile(fs, 'dir/file')).toBe('still mine')
    // Opening by path may be late to notice, by its own limit.
    renameSync(join(base, 'moved'), join(base, 'again'))
    mkdirSync(join(base, 'moved', 'dir'), { recursive: true })
    writeFileSync(join(base, 'moved', 'dir', 'file'), 'other')
    await delay(120)
    expect(readFile(fs, 'dir/file')).toBe('still mine')
  })

  it('is not led elsewhere when its root is swapped for a symlink', () => {
    const fs = mount()
    writeFileSync(join(root, 'file'), 'mine')
    renameSync(root, join(base, 'moved'))
    symlinkSync(outside, root)
    expect(readFile(fs, 'file')).toBe('mine')
    expect(readFile(fs, 'secret')).toBe('ENOENT')
  })

  it('is not led elsewhere when the directory of a file it has just seen is swapped for a symlink', () => {
    const fs = mount()
    fs.mkdir('dir')
    writeFile(fs, 'dir/secret', 'mine')
    expect([readFile(fs, 'dir/secret'), readFile(fs, 'dir/secret')]).toEqual(['mine', 'mine'])
    expect(fs.stat('dir/secret')).toMatchObject({ size: 4n })
    renameSync(join(root, 'dir'), join(root, 'away'))
    symlinkSync(outside, join(root, 'dir'))
    expect(existsSync(join(root, 'dir', 'secret'))).toBe(true)
    expect(readFile(fs, 'dir/secret')).toBe('ENOTCAPABLE')
    expect(outcome(fs.stat('dir/secret'))).toBe('ENOTCAPABLE')
  })

  it('follows a rename of its own at once where a symlink leads to the file by its old path', () => {
    const fs = mount()
    fs.mkdir('dir')
    writeFile(fs, 'dir/file', 'x')
    expect([readFile(fs, 'dir/file'), readFile(fs, 'dir/file')]).toEqual(['x', 'x'])
    fs.rename('dir', 'moved')
    fs.symlink('moved', 'dir')
    expect(readFile(fs, 'dir/file')).toBe('ENOTCAPABLE')
    expect(readFile(fs, 'moved/file')).toBe('x')
  })

  it('holds a bounded number of descriptors, and none after closing', () => {
    const before = openDescriptors()
    const fs = openDirectory(root)
    for (let index = 0; index < 50; index++) {
      fs.mkdir(`d${index}`)
      writeFile(fs, `d${index}/file`, '')
      fs.stat(`d${index}/file`)
      fs.open(`d${index}/missing`, openFlags('read'))
      fs.open(`d${index}/missing/more`, openFlags('read'))
    }
    expect(openDescriptors() - before).toBeLessThanOrEqual(17)
    fs.close?.()
    expect(openDescriptors()).toBe(before)
  })

  it('works below / too', () => {
    const fs = openDirectory('/', { readOnly: true })
    mounted.push(fs)
    writeFileSync(join(root, 'file'), 'from the top')
    expect(readFile(fs, join(root, 'file').slice(1))).toBe('from the top')
  })

  it('keeps append mode atomic when it is turned on later', () => {
    const fs = mount()
    writeFile(fs, 'log', '')
    const handles = [0, 1].map(() => {
      const handle = opened(fs.open('log', openFlags('write')))
      handle.setAppend(true)
      return handle
    })
    for (let round = 0; round < 3; round++) for (const handle of handles) handle.write(bytes('x'), 0)
    expect(readFile(fs, 'log')).toBe('xxxxxx')
    for (const handle of handles) handle.close()
  })

  it('turns append mode on for a file that has lost its name', () => {
    const fs = mount()
    const handle = opened(fs.open('file', openFlags('read', 'write', 'create')))
    fs.unlink('file')
    expect(handle.setAppend(true)).toBe(0)
    handle.write(bytes('ab'), 0)
    handle.write(bytes('c'), 0)
    expect(readHandle(handle)).toBe('abc')
    handle.close()
  })

  it('is not left while somebody swaps a directory for a symlink all the time', async () => {
    writeFileSync(join(outside, 'file'), 'outside')
    const before = statSync(join(outside, 'file'), { bigint: true })
    mkdirSync(join(root, 'dir'))
    writeFileSync(join(root, 'dir', 'file'), 'inside')
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const attacker = new Worker(swapForever, { eval: true, workerData: { root, outside, stop } })
    const fs = mount()
    const seen = new Map<string, number>()
    const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
    try {
      for (const end = performance.now() + 1500; performance.now() < end; ) {
        if (performance.now() % 50 < 1) await delay(0)
        const handle = fs.open('dir/file', openFlags('read'))
        if (typeof handle === 'number') count(`open ${outcome(handle)}`)
        else {
          count(`read ${readHandle(handle)}`)
          handle.close()
        }
        const stat = fs.stat('dir/file')
        if (typeof stat === 'object') count(stat.ino === before.ino ? 'stat outside' : 'stat inside')
        const created = fs.open('dir/created', openFlags('write', 'create', 'truncate'))
        if (typeof created === 'object') {
          created.write(bytes('x'), 0)
          created.close()
        }
        const truncated = fs.open('dir/file', openFlags('write', 'create', 'truncate'))
        if (typeof truncated === 'object') {
          truncated.write(bytes('inside'), 0)
          truncated.close()
        }
        fs.mkdir('dir/made')
        fs.symlink('x', 'dir/linked')
        fs.rename('dir/created', 'dir/renamed')
        fs.setTimes('dir/file', 5n, 5n)
        fs.unlink('dir/secret')
        fs.rmdir('dir/made')
      }
    } finally {
      Atomics.store(stop, 0, 1)
      await attacker.terminate()
    }
    expect([...seen.keys()]).not.toContain('read outside')
    expect([...seen.keys()]).not.toContain('stat outside')
    expect(readdirSync(outside).sort()).toEqual(['file', 'secret'])
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('outside')
    expect(statSync(join(outside, 'file'), { bigint: true }).mtimeNs).toBe(before.mtimeNs)
    // The attack took place, and did not keep the mount from working.
    expect(seen.get('read inside')).toBeGreaterThan(10)
    expect(seen.get('open ENOTCAPABLE')).toBeGreaterThan(10)
  })
})

const swapForever = `
  const fs = require('node:fs')
  const { root, outside, stop } = require('node:worker_threads').workerData
  const [dir, away, link] = [root + '/dir', root + '/away', root + '/link']
  fs.symlinkSync(outside, link)
  while (Atomics.load(stop, 0) === 0) {
    fs.renameSync(dir, away)
    fs.renameSync(link, dir)
    for (let spin = 0; spin < Math.random() * 20000; spin++);
    fs.renameSync(dir, link)
    fs.renameSync(away, dir)
    for (let spin = 0; spin < Math.random() * 20000; spin++);
  }
`
