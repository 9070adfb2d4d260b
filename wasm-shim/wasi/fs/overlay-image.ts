/**
 * The saved form of an overlay: one deterministic CBOR map `{ format, version, next, nodes }`, nodes in ascending order of
 * number. It has what differs from below and what is open, and names the rest by its path there. The input of
 * `decodeOverlay` is untrusted: paths are normalised, numbers refer to nodes that are there, directories form a tree.
 */
import { decode, encode } from 'cborg'
import { StasisError } from '../../errors.ts'
import { fileType } from '../saved-state.ts'
import {
  bytes,
  flag,
  list,
  natural,
  nullable,
  one,
  path,
  record,
  type Shape,
  ShapeError,
  text,
  time,
  u64,
} from '../shapes.ts'
import { type Budget, SparseContent } from './memory-content.ts'
import { encodeTree } from './memory-image.ts'
import {
  checkName,
  checkTarget,
  type DirectoryInode,
  type Inode,
  inodeCost,
  rootInode,
  utf8Length,
} from './memory-inode.ts'
import type { OverlayNode } from './overlay-node.ts'
import type { OverlayTree } from './overlay-tree.ts'

const format = 'stasis-overlay-fs'
const version = 1

interface SavedNode {
  readonly ino: number
  readonly kind: OverlayNode['kind']
  readonly type: OverlayNode['type']
  readonly lower: string | null
  readonly origin: { readonly dev: bigint; readonly ino: bigint } | null
  readonly own: { readonly nlink: number; readonly atim: bigint; readonly mtim: bigint; readonly ctim: bigint } | null
  readonly changed: boolean
  readonly content: { readonly size: number; readonly parts: readonly Part[] } | null
  readonly entries: readonly { readonly name: string; readonly ino: number | null }[]
  readonly target: string | null
}

interface Part {
  readonly offset: number
  readonly bytes: Uint8Array
}

export function encodeOverlay({ nodes, next }: OverlayTree): Uint8Array {
  const saved = [...nodes.values()].sort((a, b) => a.ino - b.ino).map(saveNode)
  return encode({ format, version, next, nodes: saved })
}

function saveNode(node: OverlayNode): SavedNode {
  const { ino, kind, type, lower, origin, isOwn, isChanged, nlink, atim, mtim, ctim, content, entries, target } = node
  const parts = content === undefined ? [] : [...content.parts()]
  return {
    ...{ ino, kind, type },
    lower: lower ?? null,
    origin: origin ?? null,
    own: isOwn ? { nlink, atim, mtim, ctim } : null,
    changed: isChanged,
    content:
      content === undefined ? null : { size: content.size, parts: parts.map(([offset, bytes]) => ({ offset, bytes })) },
    entries: [...entries].map(([name, entry]) => ({ name, ino: entry?.ino ?? null })),
    target: target ?? null,
  }
}

const number = natural(Number.MAX_SAFE_INTEGER)
const moment: Shape<bigint> = (value, where) => {
  const found = time(value, where)
  if (found < -(1n << 63n) || found >= 1n << 64n) throw new ShapeError(`${where} is out of range`)
  return found
}

const shape = record<{ format: string; version: number; next: number; nodes: SavedNode[] }>({
  format: one([format]),
  version: natural(version),
  next: number,
  nodes: list(
    record<SavedNode>({
      ino: number,
      kind: one(['file', 'directory', 'symlink', 'special']),
      type: fileType,
      lower: nullable(path),
      origin: nullable(record({ dev: u64, ino: u64 })),
      own: nullable(record({ nlink: natural(0xffff_ffff), atim: moment, mtim: moment, ctim: moment })),
      changed: flag,
      content: nullable(record({ size: number, parts: list(record<Part>({ offset: number, bytes })) })),
      entries: list(record({ name: text, ino: nullable(number) })),
      target: nullable(text),
    }),
  ),
})

export interface SavedTree {
  readonly nodes: Map<number, OverlayNode>
  readonly next: number
}

/** Throws StasisError STASIS_OVERLAY_DAMAGED. */
export function decodeOverlay(saved: Uint8Array, budget: Budget): SavedTree {
  try {
    const options = {
      strict: true,
      rejectDuplicateMapKeys: true,
      allowUndefined: false,
      allowIndefinite: false,
    } as const
    const image = shape(decode(saved, options), 'overlay')
    if (image.version !== version) throw new ShapeError(`its version is ${image.version} where ${version} is known`)
    return connect(image.nodes, image.next, budget)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `The changes of an overlay in the checkpoint cannot be used: ${why}. Restore another version of the session.`
    throw new StasisError('STASIS_OVERLAY_DAMAGED', message, {}, { cause })
  }
}

function check(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new ShapeError(reason)
}

function connect(saved: readonly SavedNode[], next: number, budget: Budget): SavedTree {
  const nodes = new Map<number, OverlayNode>()
  for (const each of saved) {
    const { ino } = each
    check(ino >= rootInode && ino < next && !nodes.has(ino), `node number ${ino} is out of place`)
    nodes.set(ino, loadNode(each, budget))
  }
  const root = nodes.get(rootInode)
  check(root?.kind === 'directory', 'the root directory is missing')
  const placed = new Set<OverlayNode>([root])
  for (const { ino, entries } of saved) {
    const directory = nodes.get(ino)!
    for (const { name, ino: number } of entries) {
      check(checkName(name) === 0 && !directory.entries.has(name), `the name of an entry of node ${ino} is malformed`)
      const entry = number === null ? null : nodes.get(number)
      check(entry !== undefined, `"${name}" points at a node that is not there`)
      check(entry?.kind !== 'directory' || !placed.has(entry), `the directory "${name}" has two names`)
      if (entry !== null) placed.add(entry)
      if (entry?.isChanged === false) entry.place = { directory, name }
      directory.entries.set(name, entry)
      budget.used += inodeCost + utf8Length(name)
    }
  }
  checkReachable(root, nodes)
  return { nodes, next }
}

/** A directory that is not below the root has no name, and then nothing is in it. */
function checkReachable(root: OverlayNode, nodes: ReadonlyMap<number, OverlayNode>): void {
  const reached = new Set<OverlayNode>([root])
  for (const directory of reached)
    for (const entry of directory.entries.values()) if (entry?.kind === 'directory') reached.add(entry)
  for (const node of nodes.values()) {
    const isLoose =
      node.kind === 'directory' && !reached.has(node) && [...node.entries.values()].some((one) => one !== null)
    check(!isLoose, `directory ${node.ino} is unreachable`)
  }
}

function loadNode(saved: SavedNode, budget: Budget): OverlayNode {
  const { ino, kind, type, lower, origin, own, changed, content, entries, target } = saved
  const where = `node ${ino}`
  check((kind === 'special') === !['file', 'directory', 'symlink'].includes(type), `the type of ${where} is wrong`)
  check(kind === 'special' || kind === type, `the type of ${where} is wrong`)
  check(content === null || kind === 'file', `${where} has a content and is no file`)
  check(entries.length === 0 || kind === 'directory', `${where} has entries and is no directory`)
  check(target === null || (kind === 'symlink' && checkTarget(target) === 0), `${where} has a wrong target`)
  check(lower === null || (origin !== null && content === null && target === null), `${where} is below and is not`)
  check(lower !== null || own !== null, `${where} has no times`)
  const isWhole = kind === 'directory' || content !== null || target !== null
  check(lower !== null || isWhole, `${where} is nowhere`)
  if (target !== null) budget.used += utf8Length(target)
  return {
    ...{ ino, kind, type },
    lower: lower ?? undefined,
    origin: origin ?? undefined,
    isOwn: own !== null,
    isChanged: changed,
    ...(own ?? { nlink: 0, atim: 0n, mtim: 0n, ctim: 0n }),
    open: 0,
    content: content === null ? undefined : loadContent(content, budget, where),
    entries: new Map(),
    target: target ?? undefined,
    handle: undefined,
    place: undefined,
  }
}

function loadContent(saved: NonNullable<SavedNode['content']>, budget: Budget, where: string): SparseContent {
  const content = new SparseContent(budget)
  content.size = saved.size
  let previous = -1
  for (const { offset, bytes } of saved.parts) {
    check(SparseContent.isPart(offset, bytes.length), `a part of ${where} is malformed`)
    check(offset > previous && offset + bytes.length <= saved.size, `a part of ${where} is out of place`)
    content.adopt(offset, bytes.slice())
    previous = offset
  }
  return content
}

/** The whole overlay as a saved memory file system with the same numbers; what cannot be read below is left out. */
export function detached(tree: OverlayTree): Uint8Array {
  const inodes = new Map<number, Inode>()
  const convert = (node: OverlayNode, path: string | undefined): Inode | undefined => {
    const known = inodes.get(node.ino)
    if (known !== undefined) return known
    if (tree.own(node) < 0) return undefined
    const { ino, nlink, atim, mtim, ctim } = node
    const base = { ino, nlink, open: 0, atim: clamp(atim), mtim: clamp(mtim), ctim: clamp(ctim) }
    switch (node.kind) {
      case 'file': {
        if (tree.copyUp(node, false) < 0) return undefined
        const file: Inode = { ...base, kind: 'file', content: node.content! }
        inodes.set(ino, file)
        return file
      }
      case 'directory': {
        const directory: DirectoryInode = { ...base, kind: 'directory', entries: new Map() }
        inodes.set(ino, directory)
        for (const name of path === undefined ? [] : namesOf(tree, node)) {
          const below = path === '' ? name : `${path}/${name}`
          const kept = tree.keep(below)
          const entry = typeof kept === 'number' ? undefined : convert(kept, below)
          if (entry !== undefined) directory.entries.set(name, entry)
        }
        return directory
      }
      case 'symlink': {
        const target = node.target ?? tree.lower.readlink(node.lower ?? '')
        if (typeof target !== 'string') return undefined
        const symlink: Inode = { ...base, kind: 'symlink', target }
        inodes.set(ino, symlink)
        return symlink
      }
      case 'special':
        return undefined
    }
  }
  convert(tree.root, '')
  for (const node of tree.nodes.values()) if (node.kind === 'file') convert(node, undefined)
  return encodeTree({ inodes, next: tree.next })
}

function namesOf(tree: OverlayTree, node: OverlayNode): readonly string[] {
  const entries = tree.list(node)
  // A directory that is not below any more has at least what the session made in it.
  if (typeof entries === 'number') return [...node.entries].flatMap(([name, entry]) => (entry === null ? [] : [name]))
  return entries.map(({ name }) => name)
}

/** Memory file systems know no times before 1970. */
const clamp = (nanoseconds: bigint): bigint => (nanoseconds < 0n ? 0n : nanoseconds)
