import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import type { FileStat, FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { resolve, statPath } from '../../wasm-shim/wasi/resolve.ts'

type Node = { readonly kind: 'file' } | { readonly kind: 'symlink'; readonly target: string } | Directory
interface Directory {
  readonly kind: 'directory'
  readonly entries: Readonly<Record<string, Node>>
}

const times = { dev: 0n, ino: 0n, nlink: 1n, size: 0n, atim: 0n, mtim: 0n, ctim: 0n }

/** A file system as the contract says, which remembers what it was asked for. */
function recorder(root: Directory): { fs: FileSystem; asked: string[] } {
  const asked: string[] = []
  const find = (path: string): Node | number => {
    asked.push(path)
    let node: Node = root
    for (const name of path === '' ? [] : path.split('/')) {
      if (node.kind === 'symlink') return -Errno.ENOTCAPABLE
      if (node.kind === 'file') return -Errno.ENOTDIR
      const next: Node | undefined = Object.hasOwn(node.entries, name) ? node.entries[name] : undefined
      if (next === undefined) return -Errno.ENOENT
      node = next
    }
    return node
  }
  const stat = (path: string): FileStat | number => {
    const node = find(path)
    return typeof node === 'number' ? node : { ...times, type: node.kind }
  }
  const readlink = (path: string): string | number => {
    const node = find(path)
    if (typeof node === 'number') return node
    return node.kind === 'symlink' ? node.target : -Errno.EINVAL
  }
  return { fs: { stat, readlink } as unknown as FileSystem, asked }
}

const name = fc.constantFrom('a', 'b', 'c', 'root')
const component = fc.oneof(
  { weight: 4, arbitrary: name },
  { weight: 2, arbitrary: fc.constant('..') },
  { weight: 1, arbitrary: fc.constantFrom('.', '') },
)
const anyPath = fc.array(component, { minLength: 1, maxLength: 8 }).map((parts) => parts.join('/'))
const { tree } = fc.letrec<{ tree: Directory; node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.constant<Node>({ kind: 'file' }),
    anyPath.map((target): Node => ({ kind: 'symlink', target })),
    tie('tree'),
  ),
  tree: fc.dictionary(name, tie('node'), { minKeys: 1 }).map((entries): Directory => ({ kind: 'directory', entries })),
}))

/** What a file system that follows symlinks itself would say, written the other way round: by recursion. */
function reference(root: Directory, path: string, follow: boolean): string | number {
  let budget = 40
  const walk = (at: readonly string[], parts: readonly string[]): readonly string[] | number => {
    const [head, ...tail] = parts
    if (head === undefined) return at
    if (head === '' || head === '.') return walk(at, tail)
    if (head === '..') return at.length === 0 ? -Errno.EPERM : walk(at.slice(0, -1), tail)
    const here = [...at, head]
    const node = here.reduce<Node | undefined>(
      (one, part) => (one?.kind === 'directory' && Object.hasOwn(one.entries, part) ? one.entries[part] : undefined),
      root,
    )
    const last = tail.every((part) => part === '')
    if (node === undefined) return last ? here : -Errno.ENOENT
    if (node.kind === 'symlink' && (!last || tail.length > 0 || follow)) {
      if (budget-- === 0) return -Errno.ELOOP
      if (node.target === '') return -Errno.ENOENT
      return node.target.startsWith('/') ? -Errno.EPERM : walk(at, [...node.target.split('/'), ...tail])
    }
    return last || node.kind === 'directory' ? walk(here, last ? [] : tail) : -Errno.ENOTDIR
  }
  if (path === '') return -Errno.ENOENT
  if (path.startsWith('/')) return -Errno.EPERM
  const found = walk([], path.split('/'))
  return typeof found === 'number' ? found : found.join('/')
}

describe('path resolution', () => {
  test('never asks for anything outside of its directory, whatever dots and symlinks there are', () => {
    fc.assert(
      fc.property(tree, anyPath, fc.boolean(), (inner, path, follow) => {
        const outer: Directory = { kind: 'directory', entries: { base: inner, secret: { kind: 'file' }, a: inner } }
        const { fs, asked } = recorder(outer)
        const resolved = resolve(fs, 'base', path, follow)
        statPath(fs, 'base', path, follow)
        for (const one of asked) {
          const inside = one === 'base' || (one.startsWith('base/') && !one.split('/').includes('..'))
          if (!inside) throw new Error(`${path} asked for ${one}`)
        }
        if (typeof resolved !== 'number') expect(`${resolved.path}/`.startsWith('base/')).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  test('finds what a plain recursive definition finds', () => {
    let found = 0
    fc.assert(
      fc.property(tree, anyPath, fc.boolean(), (root, path, follow) => {
        const { fs } = recorder(root)
        const resolved = resolve(fs, '', path, follow)
        const actual = typeof resolved === 'number' ? resolved : resolved.path
        if (typeof actual === 'string' && actual !== '') found++
        if (actual !== reference(root, path, follow)) throw new Error(`${path} led to ${actual}`)
      }),
      { numRuns: 600 },
    )
    expect(found, 'paths that lead somewhere').toBeGreaterThan(50)
  })

  test('looks at the whole of a plain path only once when no symlink is in it', () => {
    const root: Directory = {
      kind: 'directory',
      entries: { a: { kind: 'directory', entries: { b: { kind: 'directory', entries: { c: { kind: 'file' } } } } } },
    }
    const { fs, asked } = recorder(root)
    expect(statPath(fs, '', 'a/b/c', true)).toMatchObject({ type: 'file' })
    expect(asked).toEqual(['a/b/c'])
  })
})
