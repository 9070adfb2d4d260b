import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDirectory } from '../../host-node/directory.ts'
import { isStasisError, type StasisError } from '../../wasm-shim/errors.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { describeState, Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'
import { Guest, memoryMount, resume, start } from './guest.ts'

function failure(run: () => unknown): StasisError {
  try {
    run()
  } catch (error) {
    if (isStasisError(error)) return error
    throw error
  }
  throw new Error('It did not fail.')
}

describe('a saved state', () => {
  test('is the same bytes for the same state, and for what was restored from it', () => {
    const host = createTestHost({ step: 0n })
    const { guest } = start({ env: [['A', 'b']] }, host)
    guest.create(3, 'file', 'x')
    const state = guest.kernel.save()
    expect(guest.kernel.save()).toEqual(state)
    expect(resume(state, createTestHost({ step: 0n })).kernel.save()).toEqual(state)
  })

  test('brings descriptors back under their numbers, with offsets, flags and rights', () => {
    const { guest } = start()
    guest.create(3, 'a', 'aaaa')
    const b = guest.create(3, 'b', 'hello world')
    guest.close(4)
    guest.seek(b, 6n, 0)
    const append = guest.open(3, 'b', { read: false, write: true, fdflags: ['append'] }) as number
    const restored = resume(guest.kernel.save())
    expect(append).toBe(4)
    expect(restored.read(b, 100)).toBe('world')
    expect(restored.read(append, 1)).toBe('EBADF')
    expect(restored.write(append, '!')).toBe(1)
    expect(restored.read(b, 100)).toBe('!')
    expect(restored.open(3, 'a')).toBe(6)
    restored.call('fd_prestat_get', 3, 0)
    expect(restored.u32(4)).toBe(1)
  })

  test('knows that a rename between two links of one file changes nothing', () => {
    const { guest } = start()
    const one = guest.create(3, 'one', 'x')
    guest.link(3, 'one', 'two')
    const two = guest.open(3, 'two') as number
    expect(guest.rename(3, 'one', 'two')).toBe('ESUCCESS')
    expect(guest.kernel.describe().map(({ path }) => path)).toContain('/one')
    const restored = resume(guest.kernel.save())
    restored.seek(one, 0n, 0)
    restored.write(one, 'y')
    expect(restored.read(two, 1)).toBe('y')
  })

  test('keeps closed streams closed and arguments as they were', () => {
    const { guest } = start({ args: ['x', 'y'], env: [['K', 'V']] })
    guest.close(1)
    const restored = resume(guest.kernel.save())
    expect(restored.write(1, 'x')).toBe('EBADF')
    restored.call('args_sizes_get', 0, 4)
    expect([restored.u32(0), restored.u32(4)]).toEqual([2, 4])
    restored.call('environ_sizes_get', 0, 4)
    expect([restored.u32(0), restored.u32(4)]).toEqual([1, 4])
  })

  test('keeps a file that was deleted but is open, in a memory mount', () => {
    const { guest } = start()
    const fd = guest.create(3, 'file', 'still here')
    guest.path('path_unlink_file', 3, 'file')
    guest.create(3, 'file', 'another')
    const restored = resume(resume(guest.kernel.save()).kernel.save())
    restored.seek(fd, 0n, 0)
    expect(restored.read(fd, 100)).toBe('still here')
  })

  test('keeps a walk through a directory, whatever is deleted meanwhile', () => {
    const { guest } = start()
    for (let i = 0; i < 10; i++) guest.close(guest.create(3, `f${i}`))
    const first = guest.readdir(3, 0n, 120)
    if (typeof first === 'string') throw new Error(first)
    for (let i = 0; i < 3; i++) guest.path('path_unlink_file', 3, `f${i}`)
    const restored = resume(guest.kernel.save())
    const rest = restored.readdir(3, first.next, 4000)
    if (typeof rest === 'string') throw new Error(rest)
    expect([...first.names, ...rest.names]).toEqual(['.', '..', ...Array.from({ length: 10 }, (_, i) => `f${i}`)])
  })

  test('lets clocks go on from the checkpoint, on a host whose own clocks are elsewhere', () => {
    const time = (guest: Guest, id: number) => {
      guest.call('clock_time_get', id, 0n, 0)
      return guest.u64(0)
    }
    const { guest } = start({}, createTestHost({ monotonic: 900n, step: 1n }))
    const before = [1, 2].map((id) => time(guest, id))
    const state = guest.kernel.save()
    for (const monotonic of [5n, 1n << 50n]) {
      const restored = resume(state, createTestHost({ monotonic, step: 1n }))
      const after = [1, 2].map((id) => time(restored, id))
      after.forEach((value, index) => {
        expect(value).toBeGreaterThan(before[index]!)
        expect(value).toBeLessThan(before[index]! + 20n)
      })
      expect(time(resume(restored.kernel.save(), createTestHost({ monotonic: 0n })), 1)).toBeGreaterThan(after[0]!)
    }
  })

  test('remembers the exit code', () => {
    const { guest } = start()
    expect(() => guest.call('proc_exit', 3)).toThrow()
    expect(resume(guest.kernel.save()).kernel.exitCode).toBe(3)
  })
})

describe('an image that was tampered with', () => {
  const state = () => {
    const { guest } = start({ env: [['A', 'b']] })
    guest.create(3, 'dir-less', 'x')
    guest.readdir(3, 0n, 30)
    return guest.kernel.save()
  }

  test('is refused with a reason, whatever byte was changed or cut', () => {
    const bytes = state()
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (index, value, cut) => {
        const changed = cut ? bytes.slice(0, index) : bytes.slice()
        if (!cut) changed[index] = value
        try {
          resume(changed)
        } catch (error) {
          if (!isStasisError(error)) throw error
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('may not name files above its mount, unknown fields or descriptors without a mount', () => {
    const tamper = (change: (fields: Record<string, unknown>, file: Record<string, unknown>) => void) => {
      const fields = decode(state())
      change(fields, fields.fds[4].descriptor)
      return failure(() => resume(encode(fields)))
    }
    const code = 'STASIS_KERNEL_STATE_DAMAGED'
    expect(tamper((_, file) => Object.assign(file, { path: '../../etc/passwd' }))).toMatchObject({ code })
    expect(tamper((_, file) => Object.assign(file, { path: '/etc/passwd' }))).toMatchObject({ code })
    expect(tamper((_, file) => Object.assign(file, { mount: 7 }))).toMatchObject({ code })
    expect(tamper((_, file) => Object.assign(file, { extra: 1 }))).toMatchObject({ code })
    expect(tamper((_, file) => Object.assign(file, { offset: -1 }))).toMatchObject({ code })
    expect(tamper((fields) => Object.assign(fields, { format: 3 })).message).toContain('format is 3')
    expect(failure(() => resume(new Uint8Array()))).toMatchObject({ code })
    const trailing = new Uint8Array([...state(), 0])
    expect(failure(() => resume(trailing))).toMatchObject({ code })
  })
})

describe('files of the host', () => {
  let directory: string
  let mount: Mount
  let guest: Guest
  const file = (name: string) => join(directory, name)
  const restore = (state: Uint8Array, mounts: readonly Mount[] = [mount], allowChangedFiles = false) =>
    new Guest(
      Kernel.restore(
        state,
        { mounts, allowChangedFiles, memoryFileSystem: () => MemoryFileSystem.create(() => 0n) },
        createTestHost(),
      ),
    )
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'stasis-save-'))
    mount = { guest: '/data', fs: openDirectory(directory), kind: 'host', source: directory, readOnly: false }
    guest = new Guest(Kernel.create({ args: [], env: [], mounts: [mount] }, createTestHost()))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test('are opened again by their recorded path, flags and offset', () => {
    writeFileSync(file('in'), 'some text')
    const reading = guest.open(3, 'in') as number
    guest.read(reading, 5)
    const appending = guest.open(3, 'log', { write: true, oflags: ['creat', 'excl'], fdflags: ['append'] }) as number
    guest.write(appending, 'one ')
    guest.path('path_create_directory', 3, 'dir')
    const dir = guest.open(3, 'dir') as number
    const restored = restore(guest.kernel.save())
    expect(restored.read(reading, 9)).toBe('text')
    expect(restored.write(appending, 'two')).toBe(3)
    expect(readFileSync(file('log'), 'utf8')).toBe('one two')
    restored.create(dir, 'file', 'x')
    expect(readFileSync(file('dir/file'), 'utf8')).toBe('x')
  })

  test('are opened again under the name that the program gave them', () => {
    const fd = guest.create(3, 'before', 'x')
    guest.path('path_create_directory', 3, 'dir')
    guest.rename(3, 'before', 'dir/file')
    guest.rename(3, 'dir', 'other')
    const restored = restore(guest.kernel.save())
    restored.seek(fd, 0n, 0)
    expect(restored.read(fd, 1)).toBe('x')
  })

  test('that are missing, changed or not granted are all named, before the guest runs', () => {
    for (const name of ['missing', 'longer', 'rewritten', 'same']) {
      writeFileSync(file(name), 'text')
      guest.open(3, name)
    }
    const state = guest.kernel.save()
    rmSync(file('missing'))
    writeFileSync(file('longer'), 'more text')
    utimesSync(file('rewritten'), 1, 1)
    const error = failure(() => restore(state))
    expect(error.code).toBe('STASIS_FILE_MISSING')
    expect(error.fields).toMatchObject({ problems: 3 })
    expect(error.message).toContain(`/data/missing is missing in ${directory}`)
    expect(error.message).toContain('/data/longer changed: it had 4 bytes and has 9')
    expect(error.message).toContain('/data/rewritten changed: it was written since')
    expect(error.message).not.toContain('same')
    writeFileSync(file('missing'), 'text')
    expect(failure(() => restore(state)).code).toBe('STASIS_FILE_CHANGED')
    expect(restore(state, [mount], true).read(5, 100)).toBe('more text')
    const refused = failure(() => restore(state, []))
    expect(refused.code).toBe('STASIS_MOUNT_NOT_GRANTED')
    expect(refused.message).toContain(directory)
  })

  test('are let go by a kernel that is closed', () => {
    const openFiles = () => readdirSync('/dev/fd').length
    const before = openFiles()
    for (let i = 0; i < 10; i++) guest.create(3, `file${i}`)
    expect(openFiles()).toBeGreaterThanOrEqual(before + 10)
    const restored = restore(guest.kernel.save())
    guest.kernel.close()
    restored.kernel.close()
    expect(openFiles()).toBeLessThan(before + 10)
  })

  test('need the same directory, under the same name, and nothing besides', () => {
    const state = guest.kernel.save()
    expect(failure(() => restore(state, [mount, { ...mount, guest: '/more' }])).code).toBe('STASIS_MOUNT_UNKNOWN')
    expect(restore(state).stat(3, '.')).toMatchObject({ type: 3 })
  })

  test('need no grant for a directory that the program has closed', () => {
    guest.close(3)
    expect(restore(guest.kernel.save(), []).write(1, 'x')).toBe(1)
  })

  test('open for writing are not granted read-only', () => {
    guest.create(3, 'file')
    const error = failure(() => restore(guest.kernel.save(), [{ ...mount, readOnly: true }]))
    expect(error.message).toContain('EROFS')
  })

  test('that were deleted but are open travel with the checkpoint, shared as before', () => {
    const writing = guest.create(3, 'file', 'content')
    const reading = guest.open(3, 'file') as number
    guest.read(reading, 3)
    guest.path('path_unlink_file', 3, 'file')
    const once = restore(guest.kernel.save())
    const restored = restore(once.kernel.save())
    expect(restored.write(writing, '!')).toBe(1)
    expect(restored.read(reading, 100)).toBe('tent!')
    expect(restored.stat(3, 'file')).toBe('ENOENT')
  })

  test('that were replaced by a rename are deleted too', () => {
    const old = guest.create(3, 'file', 'old')
    guest.close(guest.create(3, 'new', 'new'))
    guest.rename(3, 'new', 'file')
    const restored = restore(guest.kernel.save())
    restored.seek(old, 0n, 0)
    expect(restored.read(old, 10)).toBe('old')
  })
})

describe('inspect', () => {
  test('tells of each descriptor whether it moves, running or not', () => {
    const host = createTestHost()
    const fs = MemoryFileSystem.create(() => 0n)
    const mounts = [memoryMount(fs, '/'), memoryMount(fs, '/tmp')]
    const { guest } = start({ mounts }, host)
    const fd = guest.create(4, 'dir-file', 'abc')
    guest.open(3, 'dir-file', { fdflags: ['append'], write: true })
    const running = guest.kernel.describe()
    expect(describeState(guest.kernel.save())).toEqual(running)
    expect(running.map(({ fd: number, moves }) => [number, moves])).toEqual([
      [0, 'moves if granted'],
      [1, 'moves if granted'],
      [2, 'moves if granted'],
      [3, 'moves'],
      [4, 'moves'],
      [5, 'moves'],
      [6, 'moves'],
    ])
    expect(running[fd]).toMatchObject({
      type: 'file',
      path: '/tmp/dir-file',
      offset: 3,
      flags: ['read', 'write'],
      because: 'its content is part of the checkpoint',
    })
    expect(running[6]).toMatchObject({ path: '/dir-file', flags: ['read', 'write', 'append'] })
    expect(running[4]).toMatchObject({ type: 'directory', path: '/tmp', flags: ['preopen'] })
  })
})
