// The files in an image are untrusted: nothing that it names lies outside of the directories that are given for it.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDirectory } from '../../host-node/directory.ts'
import { decodeCarried, decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { checkpointFiles } from '../../runtime/session/files/checkpoint-files.ts'
import { exportFiles } from '../../runtime/session/files/export-files.ts'
import { findFile } from '../../runtime/session/files/find-file.ts'
import { leavesMount } from '../../runtime/session/files/leaves-mount.ts'
import { putBack } from '../../runtime/session/files/put-back.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import type { CarriedFile, CarriedFiles } from '../../wasm-shim/wasi/carried.ts'
import { carriedFileSystem } from '../../wasm-shim/wasi/fs/carried.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'
import { tinyCheckpoint } from './sample.ts'

const text = (content: string) => new TextEncoder().encode(content)

const file = (path: string, given: Partial<CarriedFile> = {}): CarriedFile => ({
  ...{ mount: '/data', path, type: 'file', state: 'created', size: 4, mtim: 5n, content: 0, target: null },
  ...given,
})
const link = (path: string, target: string): CarriedFile =>
  file(path, { type: 'symlink', size: 0, content: null, target })

const carried = (files: readonly CarriedFile[], contents = [text('evil')]): CarriedFiles => ({
  ...{ content: 'carried', isComplete: true, files, contents },
})

const encode = (files: CarriedFiles): Uint8Array => encodeCheckpoint({ ...tinyCheckpoint(), files, input: text('in') })

const refusal = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (isStasisError(error)) return error.code
    throw error
  }
  return 'none'
}

describe('an image with files', () => {
  const whole = carried(
    [
      file('a/b.txt'),
      file('c.txt', { content: 1, size: 3, state: 'changed', mtim: -1n }),
      file('same.txt'),
      link('link', 'a/b.txt'),
      file('gone', { state: 'removed', type: 'unknown', size: 0, content: null }),
      file('read.txt', { state: 'open', content: null, size: 2 ** 40 }),
    ],
    [text('evil'), text('two')],
  )

  test('is read as it was written', () => {
    const image = encode(whole)
    expect(decodeCheckpoint(image).files).toEqual(whole)
    expect(decodeCarried(image)).toEqual(whole)
    expect(encode(decodeCheckpoint(image).files!)).toEqual(image)
  })

  test('without files is as it was before there were any', () => {
    expect(decodeCarried(encodeCheckpoint(tinyCheckpoint()))).toBeUndefined()
  })

  test.each([
    ['a path above its directory', [file('../x')]],
    ['an absolute path', [file('/etc/passwd')]],
    ['a path through its parent', [file('a/../../x')]],
    ['a path with a zero byte', [file('a\0b')]],
    ['an empty path', [file('')]],
    ['a name twice', [file('a'), file('a')]],
    ['a content of another size', [file('a', { size: 5 })]],
    ['a content that is not there', [file('a'), file('b', { content: 7 })]],
    ['a content of a directory', [file('a', { type: 'directory' })]],
    ['a content of no file', []],
    ['a target of a file', [file('a', { target: 'b' })]],
    ['a symlink without target', [file('a'), file('b', { type: 'symlink', content: null })]],
  ] as const)('is refused with %s', (_, files) => {
    expect(refusal(() => decodeCheckpoint(encode(carried(files))))).toBe('STASIS_IMAGE_DAMAGED')
  })
})

test('a symlink that would lead out is known', () => {
  const out = [
    ['a', '..'],
    ['a/b', '../..'],
    ['a', '/etc'],
    ['a', ''],
    ['a/b', '../c/../../..'],
    ['a', 'x/../../y'],
  ] as const
  const inside = [
    ['a', 'b'],
    ['a/b', '../c'],
    ['a/b/c', '../../d'],
    ['a', './b/../c'],
  ] as const
  expect(out.filter(([path, target]) => !leavesMount(path, target))).toEqual([])
  expect(inside.filter(([path, target]) => leavesMount(path, target))).toEqual([])
})

describe('below a directory of the host', () => {
  let base: string
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'stasis-hostile-'))
    mkdirSync(join(base, 'in'))
    mkdirSync(join(base, 'outside'))
  })
  afterEach(() => rmSync(base, { recursive: true, force: true }))

  const restored = () => ({ written: 0, removed: 0 })
  const isUntouched = () => readdirSync(join(base, 'outside')).length === 0 && readdirSync(base).length === 2

  test('nothing is put back through a symlink that is there, or that the image brings', () => {
    symlinkSync('../outside', join(base, 'in/out'))
    const fs = openDirectory(join(base, 'in'))
    for (const files of [[file('out/x')], [link('out2', '../outside'), file('out2/x')], [link('l', '/etc')]]) {
      expect(refusal(() => putBack(fs, files, [text('evil')], ['out/y'], restored()))).toBe('STASIS_FILE_UNWRITABLE')
    }
    expect(isUntouched()).toBe(true)
    // In the place of the link itself a file may stand, if that is what the image says.
    putBack(fs, [file('out')], [text('evil')], [], restored())
    expect(readFileSync(join(base, 'in/out'), 'utf8')).toBe('evil')
    expect(isUntouched()).toBe(true)
    fs.close?.()
  })

  test('nothing is removed but what is named, and no directory that has something else in it', () => {
    mkdirSync(join(base, 'in/made'))
    writeFileSync(join(base, 'in/made/mine'), 'x')
    writeFileSync(join(base, 'in/old'), 'x')
    const fs = openDirectory(join(base, 'in'))
    const counts = restored()
    putBack(fs, [], [], ['made', 'old', 'never'], counts)
    expect(counts).toEqual({ written: 0, removed: 1 })
    expect(existsSync(join(base, 'in/made/mine'))).toBe(true)
    fs.close?.()
  })

  test('an export stays below its directory, and replaces only with force', () => {
    const mount = (guest: string, files: readonly CarriedFile[]) => {
      const fs = carriedFileSystem(carried(files.map((each) => ({ ...each, mount: guest }))), guest, () => 0n)
      return { guest, kind: 'host' as const, fs, carried: files }
    }
    const target = openDirectory(join(base, 'in'))
    for (const guest of ['..', '/data/../..', 'a/../../b', '/x\0y'])
      expect(refusal(() => exportFiles([mount(guest, [file('x')])], target, true))).toBe('STASIS_FILES_OUTSIDE')
    symlinkSync('../outside', join(base, 'in/data'))
    expect(refusal(() => exportFiles([mount('/data', [file('x')])], target, true))).toBe('STASIS_FILE_UNWRITABLE')
    rmSync(join(base, 'in/data'))
    mkdirSync(join(base, 'in/data'))
    symlinkSync('../../outside/x', join(base, 'in/data/x'))
    const hostile = [mount('/data', [file('x'), link('l', '../../outside'), file('sub/y'), link('m', 'sub/y')])]
    expect(refusal(() => exportFiles(hostile, target, false))).toBe('STASIS_FILE_EXISTS')
    expect(existsSync(join(base, 'in/data/sub'))).toBe(false)
    expect(exportFiles(hostile, target, true)).toEqual({ files: 3, size: 8, skipped: ['data/l'] })
    expect(readFileSync(join(base, 'in/data/x'), 'utf8')).toBe('evil')
    expect(readFileSync(join(base, 'in/data/m'), 'utf8')).toBe('evil')
    expect(isUntouched()).toBe(true)
    target.close?.()
  })

  test('a file is found by its path in the guest, and none outside', () => {
    const files = [
      file('a/b'),
      link('in', 'a/b'),
      link('out', '../../etc/passwd'),
      file('open', { content: null, state: 'open' }),
    ]
    const mount = {
      guest: '/data',
      kind: 'host' as const,
      fs: carriedFileSystem(carried(files), '/data', () => 0n),
      carried: files,
    }
    for (const path of ['/data/a/b', '/data/in', '/data//a/../a/b'])
      expect(new TextDecoder().decode(findFile([mount], path))).toBe('evil')
    for (const path of [
      '/data',
      '/data/',
      '/data/..',
      '/data/out',
      '/etc/passwd',
      '/data/a',
      '/data/../data/a/b',
      '/data/open',
    ])
      expect(refusal(() => findFile([mount], path))).toBe('STASIS_FILE_MISSING')
    expect(() => findFile([mount], '/data/open')).toThrow(/content was left out/)
  })
})

test('a memory directory of a checkpoint is listed with what is in it', () => {
  const host = createTestHost()
  const fs = MemoryFileSystem.create(() => 0n)
  fs.put('dir/x', text('evil'))
  const mounts = [{ guest: '/tmp', kind: 'memory' as const, fs, readOnly: false }]
  const kernel = Kernel.create({ args: [], env: [], mounts }, host)
  const [mount] = checkpointFiles({ kernel: kernel.save() })
  expect(new TextDecoder().decode(findFile([mount!], '/tmp/dir/x'))).toBe('evil')
  expect(kernel.carriedFiles(1000)).toBeUndefined()
})
