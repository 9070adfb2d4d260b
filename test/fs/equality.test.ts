/**
 * The memory file system behaves as a real directory does: random sequences of operations give equal results on both.
 * Left out of the comparison: sizes and link counts of directories, which differ between real file systems too.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openDirectory } from '../../host-node/directory.ts'
import type { FileHandle, FileSystem, OpenFlags } from '../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { OverlayFileSystem } from '../../wasm-shim/wasi/fs/overlay.ts'
import { openFlags } from '../support/open-flags.ts'
import { type Mount, mountMemory, mountOverlay, mounts, names, outcome } from './mounts.ts'

type Operation =
  | { readonly kind: 'open'; readonly path: string; readonly flags: OpenFlags }
  | { readonly kind: 'read' | 'write'; readonly handle: number; readonly position: number; readonly length: number }
  | {
      readonly kind: 'truncate' | 'allocate'
      readonly handle: number
      readonly position: number
      readonly length: number
    }
  | { readonly kind: 'append'; readonly handle: number; readonly on: boolean }
  | { readonly kind: 'fstat' | 'close'; readonly handle: number }
  | { readonly kind: 'stat' | 'readlink' | 'readdir' | 'mkdir' | 'rmdir' | 'unlink'; readonly path: string }
  | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'times'; readonly path: string; readonly mtim: bigint }

// Few names, so that operations meet.
const path = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'a/a', 'a/b', 'b/a', 'b/b') },
  { weight: 1, arbitrary: fc.constantFrom('', 'a/b/a', 'b/a/b', 'a/a/a/a', 'missing/x', 'ü') },
)
const handle = fc.nat(3)
const flagNames = ['read', 'write', 'append', 'create', 'exclusive', 'truncate', 'directory'] as const
const flags = fc.oneof(
  fc.constantFrom(openFlags('read', 'write', 'create'), openFlags('read'), openFlags('read', 'directory')),
  fc.subarray([...flagNames]).map((chosen) => openFlags(...chosen)),
)
const position = fc.oneof(fc.nat(40), fc.constantFrom(0, 65_530, 70_000, -1))
const range = { handle, position, length: fc.integer({ min: 1, max: 50 }) }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('open' as const), path, flags }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'write' as const), ...range }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('truncate' as const, 'allocate' as const), ...range }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('append' as const), handle, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('fstat' as const, 'close' as const), handle }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'stat' as const,
        'readlink' as const,
        'readdir' as const,
        'mkdir' as const,
        'rmdir' as const,
        'unlink' as const,
      ),
      path,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('rename' as const, 'link' as const), path, to: path }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('symlink' as const), path, target: fc.constantFrom('a', '../x', '') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('times' as const), path, mtim: fc.bigInt({ min: 0n, max: 2n ** 60n }) }),
  },
)

interface World {
  readonly fs: FileSystem
  /** Four slots; what an open replaces is closed. */
  readonly handles: (FileHandle | undefined)[]
  opened: number
}

function apply(world: World, step: Operation): unknown {
  const { fs } = world
  switch (step.kind) {
    case 'open': {
      const opened = fs.open(step.path, step.flags)
      if (typeof opened === 'number') return outcome(opened)
      const slot = world.opened++ % 4
      world.handles[slot]?.close()
      world.handles[slot] = opened
      return describeStat(opened.stat())
    }
    case 'stat':
      return describeStat(fs.stat(step.path))
    case 'readlink':
      return outcome(fs.readlink(step.path))
    case 'readdir':
      return names(fs, step.path)
    case 'mkdir':
    case 'rmdir':
    case 'unlink':
      return outcome(fs[step.kind](step.path))
    case 'rename':
    case 'link':
      return outcome(fs[step.kind](step.path, step.to))
    case 'symlink':
      return outcome(fs.symlink(step.target, step.path))
    case 'times':
      return outcome(fs.setTimes(step.path, undefined, step.mtim)) === 0
        ? describeTime(fs, step.path)
        : outcome(fs.setTimes(step.path, undefined, step.mtim))
    default:
      return applyToHandle(world.handles[step.handle], step)
  }
}

function applyToHandle(handle: FileHandle | undefined, step: Extract<Operation, { handle: number }>): unknown {
  if (handle === undefined) return 'no handle'
  switch (step.kind) {
    case 'read': {
      const target = new Uint8Array(step.length)
      const count = handle.read(target, step.position)
      return count < 0 ? outcome(count) : [...target]
    }
    case 'write':
      return outcome(handle.write(new Uint8Array(step.length).fill(step.length), step.position))
    case 'truncate':
      return outcome(handle.truncate(step.position))
    case 'allocate':
      return outcome(handle.allocate(step.position, step.length))
    case 'append':
      return outcome(handle.setAppend(step.on))
    case 'fstat':
      return describeStat(handle.stat())
    case 'close':
      return handle.close()
  }
}

function describeStat(stat: ReturnType<FileSystem['stat']>): unknown {
  if (typeof stat === 'number') return outcome(stat)
  return stat.type === 'directory' ? stat.type : { type: stat.type, size: stat.size, nlink: stat.nlink }
}

function describeTime(fs: FileSystem, path: string): unknown {
  const stat = fs.stat(path)
  return typeof stat === 'number' ? outcome(stat) : stat.mtim
}

function tree(fs: FileSystem, path: string): unknown {
  const entries = names(fs, path)
  if (typeof entries === 'string') return describeStat(fs.stat(path))
  return Object.fromEntries(entries.map((name) => [name, tree(fs, path === '' ? name : `${path}/${name}`)]))
}

function run(mount: Pick<Mount, 'fs'>, steps: readonly Operation[]): unknown {
  const world: World = { fs: mount.fs, handles: [], opened: 0 }
  const results = steps.map((step) => apply(world, step))
  const end = tree(mount.fs, '')
  for (const handle of world.handles) handle?.close()
  return { results, end }
}

describe.each(mounts.filter(([name]) => name !== 'memory'))('memory and %s', (name, mountOther) => {
  it('give equal results for random sequences of operations', () => {
    // Changing append mode is the one thing that the walking mount cannot do.
    const steps = fc.array(
      name === 'directory by walking' ? operation.filter(({ kind }) => kind !== 'append') : operation,
      { minLength: 5, maxLength: 60, size: 'max' },
    )
    fc.assert(
      fc.property(steps, (sequence) => {
        const [memory, other] = [mountMemory(), mountOther()]
        try {
          expect(run(memory, sequence)).toEqual(run(other, sequence))
        } finally {
          other.dispose()
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('an overlay above a directory that others have filled', () => {
  /** What one mount does from beginning to end, and an overlay above what was done before `at`. */
  const compare = (sequence: readonly Operation[], at: number, end: (overlay: OverlayFileSystem) => FileSystem) => {
    const [before, after] = [sequence.slice(0, at), sequence.slice(at)]
    const memory = mountMemory()
    run(memory, before)
    const overlay = mountOverlay((fs) => run({ fs }, before))
    const untouched = openDirectory(overlay.path)
    const below = tree(untouched, '')
    try {
      const expected = run(memory, after)
      expect(run(overlay, after)).toEqual(expected)
      const last = end(overlay.fs as OverlayFileSystem)
      expect(tree(last, '')).toEqual((expected as { end: unknown }).end)
      expect(tree(untouched, '')).toEqual(below)
    } finally {
      untouched.close?.()
      overlay.dispose()
    }
  }
  const steps = fc.array(operation, { minLength: 10, maxLength: 80, size: 'max' })
  const clock = () => 0n

  it('is one directory to whoever works in it, and leaves what is below alone', () => {
    fc.assert(
      fc.property(steps, fc.nat(40), (sequence, at) => compare(sequence, at, (overlay) => overlay)),
      { numRuns: 400 },
    )
  })

  it('is the same after it was saved', () => {
    fc.assert(
      fc.property(steps, fc.nat(40), (sequence, at) =>
        compare(sequence, at, (overlay) => {
          const saved = overlay.save()
          const restored = OverlayFileSystem.restore(saved, overlay.lower, clock)
          expect(restored.save()).toEqual(saved)
          return restored
        }),
      ),
      { numRuns: 200 },
    )
  })

  it('is the same as a memory file system without anything below', () => {
    fc.assert(
      fc.property(steps, fc.nat(40), (sequence, at) =>
        compare(sequence, at, (overlay) => MemoryFileSystem.restore(overlay.detach(), clock)),
      ),
      { numRuns: 200 },
    )
  })
})
