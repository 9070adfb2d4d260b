/**
 * What an overlay keeps of a file, directory or symlink that the session has open, has changed or has made; everything
 * else is looked up below each time. A node from below knows the path there, from which what is not changed still comes.
 */
import type { FileHandle, FileStat, FileType } from './file-system.ts'
import type { SparseContent } from './memory-content.ts'

export type NodeKind = 'file' | 'directory' | 'symlink' | 'special'

export interface OverlayNode {
  /** Number of its own, by which handles find it after a restore; 0 until it is kept. */
  ino: number
  readonly kind: NodeKind
  readonly type: FileType
  /** Where the content, the entries or the target of it are below; undefined once nothing of it comes from there. */
  lower: string | undefined
  /** What below said that it is, which stays what the program sees; undefined of what the session has made. */
  readonly origin: { readonly dev: bigint; readonly ino: bigint } | undefined
  /** Times and number of links are its own; else they are asked for below. */
  isOwn: boolean
  /** It is more than a look at what lies below: it stays when nobody has it open. */
  isChanged: boolean
  nlink: number
  open: number
  atim: bigint
  mtim: bigint
  ctim: bigint
  /** Of a file that is not below any more. */
  content: SparseContent | undefined
  /** Of a directory: what differs from below, null for a name that is gone. */
  readonly entries: Map<string, OverlayNode | null>
  /** Of a symlink that the session has made. */
  readonly target: string | undefined
  /** Of a file below that is open. */
  handle: FileHandle | undefined
  /** Where it was put in, so that it can be forgotten when it is closed unchanged. */
  place: { readonly directory: OverlayNode; readonly name: string } | undefined
}

export function lowerNode(path: string, { type, dev, ino }: FileStat): OverlayNode {
  const kind = type === 'file' || type === 'directory' || type === 'symlink' ? type : 'special'
  return { ...blank, kind, type, lower: path, origin: { dev, ino }, entries: new Map() }
}

export function ownNode(
  ino: number,
  kind: 'file' | 'directory' | 'symlink',
  now: bigint,
  target?: string,
): OverlayNode {
  const nlink = kind === 'directory' ? 2 : 1
  const times = { atim: now, mtim: now, ctim: now }
  return { ...blank, ino, kind, type: kind, ...times, nlink, isOwn: true, isChanged: true, target, entries: new Map() }
}

const blank = {
  ino: 0,
  lower: undefined,
  origin: undefined,
  isOwn: false,
  isChanged: false,
  nlink: 0,
  open: 0,
  atim: 0n,
  mtim: 0n,
  ctim: 0n,
  content: undefined,
  target: undefined,
  handle: undefined,
  place: undefined,
}

/** Numbers of what the session has made lie beyond those that hosts give. */
const firstOwn = 1n << 63n

/** The number that the program sees. Directories below may span several devices, whose numbers must not meet. */
export function shownIno({ origin, ino }: Pick<OverlayNode, 'origin' | 'ino'>, device: bigint): bigint {
  if (origin === undefined) return firstOwn | BigInt(ino)
  return origin.dev === device ? origin.ino : BigInt.asUintN(63, origin.ino ^ (origin.dev << 40n))
}

export function touchNode(node: OverlayNode, now: bigint): void {
  node.mtim = now
  node.ctim = now
}
