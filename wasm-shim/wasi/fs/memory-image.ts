/**
 * The saved form of a memory file system: one deterministic CBOR map `{ format, version, next, inodes }`, inodes in
 * ascending order of number. Directories hold their entries as [name, inode number] in the order of creation, files their
 * non-zero parts as [offset, bytes]; link counts follow from the entries. The input of `decodeTree` is untrusted: it
 * allocates no more than the input holds, and every reference is checked.
 */
import { decode, encode } from 'cborg'
import { StasisError } from '../../errors.ts'
import { type Budget, SparseContent } from './memory-content.ts'
import {
  checkName,
  checkTarget,
  type DirectoryInode,
  type Inode,
  inodeCost,
  rootInode,
  utf8Length,
} from './memory-inode.ts'

const format = 'stasis-memory-fs'
const version = 1

export interface MemoryTree {
  readonly inodes: Map<number, Inode>
  /** The number that the next inode gets. */
  readonly next: number
}

export function encodeTree(tree: MemoryTree): Uint8Array {
  const inodes = [...tree.inodes.values()].sort((a, b) => a.ino - b.ino).map(encodeInode)
  return encode({ format, version, next: tree.next, inodes })
}

function encodeInode(inode: Inode): object {
  const { ino, kind, atim, mtim, ctim } = inode
  const base = { ino, kind, atim, mtim, ctim }
  switch (inode.kind) {
    case 'file':
      return { ...base, size: inode.content.size, parts: [...inode.content.parts()] }
    case 'directory':
      return { ...base, entries: [...inode.entries].map(([name, entry]) => [name, entry.ino]) }
    case 'symlink':
      return { ...base, target: inode.target }
  }
}

export function decodeTree(bytes: Uint8Array, budget: Budget): MemoryTree {
  const image = fields(parse(bytes), ['format', 'version', 'next', 'inodes'], 'the file system')
  check(image.format === format, `it does not begin as one`)
  check(image.version === version, `its version is not ${version}`)
  const next = integer(image.next, 'the next inode number')
  const inodes = new Map<number, Inode>()
  const entries = new Map<DirectoryInode, readonly unknown[]>()
  for (const item of list(image.inodes, 'the inode table')) {
    const inode = decodeInode(item, budget, entries)
    check(
      inode.ino >= rootInode && inode.ino < next && !inodes.has(inode.ino),
      `inode number ${inode.ino} is out of place`,
    )
    inodes.set(inode.ino, inode)
  }
  connect(inodes, entries, budget)
  return { inodes, next }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowUndefined: false, allowIndefinite: false })
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

const commonKeys = ['ino', 'kind', 'atim', 'mtim', 'ctim']

function decodeInode(item: unknown, budget: Budget, entries: Map<DirectoryInode, readonly unknown[]>): Inode {
  const kind = (item as { kind?: unknown } | null)?.kind
  switch (kind) {
    case 'file': {
      const raw = fields(item, [...commonKeys, 'size', 'parts'], 'a file')
      const content = new SparseContent(budget)
      content.size = integer(raw.size, 'a file size')
      let previous = -1
      for (const part of list(raw.parts, 'the parts of a file')) {
        const [offset, bytes] = pair(part, 'a part of a file')
        check(
          bytes instanceof Uint8Array && SparseContent.isPart(offset as number, bytes.length),
          'a part is malformed',
        )
        check(
          (offset as number) > previous && (offset as number) + bytes.length <= content.size,
          'a part is out of place',
        )
        content.adopt(offset as number, bytes.slice())
        previous = offset as number
      }
      return { ...base(raw), kind, content }
    }
    case 'directory': {
      const raw = fields(item, [...commonKeys, 'entries'], 'a directory')
      const inode: DirectoryInode = { ...base(raw), kind, entries: new Map() }
      entries.set(inode, list(raw.entries, 'the entries of a directory'))
      return inode
    }
    case 'symlink': {
      const raw = fields(item, [...commonKeys, 'target'], 'a symlink')
      const target = raw.target
      check(typeof target === 'string' && checkTarget(target) === 0, 'the target of a symlink is malformed')
      budget.used += utf8Length(target)
      return { ...base(raw), kind, target }
    }
    default:
      throw damaged('an inode has an unknown kind')
  }
}

function base(raw: Record<string, unknown>) {
  return {
    ino: integer(raw.ino, 'an inode number'),
    nlink: 0,
    open: 0,
    atim: time(raw.atim),
    mtim: time(raw.mtim),
    ctim: time(raw.ctim),
  }
}

/** Fills the directories, counts links, and makes sure that directories form one tree below the root. */
function connect(
  inodes: ReadonlyMap<number, Inode>,
  entries: ReadonlyMap<DirectoryInode, readonly unknown[]>,
  budget: Budget,
): void {
  const root = inodes.get(rootInode)
  check(root?.kind === 'directory', 'the root directory is missing')
  root.nlink = 2
  for (const [directory, items] of entries) {
    for (const item of items) {
      const [name, number] = pair(item, 'a directory entry')
      check(typeof name === 'string' && checkName(name) === 0 && !directory.entries.has(name), 'a name is malformed')
      const inode = inodes.get(integer(number, 'an inode number'))
      check(inode !== undefined, `"${name}" points at an inode that is not there`)
      check(inode.kind !== 'directory' || inode.nlink === 0, `the directory "${name}" has two names`)
      directory.entries.set(name, inode)
      inode.nlink += inode.kind === 'directory' ? 2 : 1
      budget.used += inodeCost + utf8Length(name)
    }
  }
  for (const directory of entries.keys())
    for (const entry of directory.entries.values()) if (entry.kind === 'directory') directory.nlink++
  checkReachable(root, entries)
}

function checkReachable(root: DirectoryInode, entries: ReadonlyMap<DirectoryInode, readonly unknown[]>): void {
  const reached = new Set<Inode>([root])
  for (const directory of reached)
    if (directory.kind === 'directory')
      for (const entry of directory.entries.values()) if (entry.kind === 'directory') reached.add(entry)
  for (const directory of entries.keys())
    check(
      reached.has(directory) || (directory.nlink === 0 && directory.entries.size === 0),
      'a directory is unreachable',
    )
}

function damaged(reason: string, cause?: unknown): StasisError {
  return new StasisError(
    'STASIS_MEMORY_FS_DAMAGED',
    `This is no saved memory file system, or a damaged one: ${reason}. Restore from another version.`,
    {},
    { cause },
  )
}

function check(condition: unknown, reason: string): asserts condition {
  if (!condition) throw damaged(reason)
}

function fields(value: unknown, keys: readonly string[], what: string): Record<string, unknown> {
  check(
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype,
    `${what} is no map`,
  )
  const present = Object.keys(value)
  check(present.length === keys.length && keys.every((key) => Object.hasOwn(value, key)), `${what} has other fields`)
  return value as Record<string, unknown>
}

function list(value: unknown, what: string): readonly unknown[] {
  check(Array.isArray(value), `${what} is no list`)
  return value
}

function pair(value: unknown, what: string): readonly [unknown, unknown] {
  const items = list(value, what)
  check(items.length === 2, `${what} is no pair`)
  return [items[0], items[1]]
}

function integer(value: unknown, what: string): number {
  check(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, `${what} is no whole number`)
  return value
}

const timeMax = 2n ** 64n

function time(value: unknown): bigint {
  check(typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value)), 'a time is malformed')
  const nanoseconds = BigInt(value as bigint | number)
  check(nanoseconds >= 0n && nanoseconds < timeMax, 'a time is out of range')
  return nanoseconds
}
