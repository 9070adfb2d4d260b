import type { InstanceState, StackState } from '../engine/engine.ts'
import type { Checkpoint } from './model.ts'
import { pageSize } from './pages.ts'

/** What differs between two checkpoints of one program. */
export interface CheckpointDifference {
  readonly memories: readonly MemoryDifference[]
  /** Words of mutable globals and flags of dropped segments, by instance. */
  readonly globals: readonly {
    readonly instance: number
    readonly index: number
    readonly from: number
    readonly to: number
  }[]
  /** Elements of tables: function index + 1, or 0 for null. */
  readonly tables: readonly {
    readonly instance: number
    readonly table: number
    readonly changed: number
    readonly from: number
    readonly to: number
  }[]
  /** Frames of each stack that are the same from the outermost on, and how many each has. */
  readonly stacks: readonly {
    readonly stack: number
    readonly same: number
    readonly from: number
    readonly to: number
  }[]
  /** Calls made between the two. */
  readonly calls: number
}

export interface MemoryDifference {
  readonly instance: number
  readonly memory: number
  /** Bytes. */
  readonly from: number
  readonly to: number
  /** Pages of 4 KiB that differ, and bytes in them. */
  readonly pages: number
  readonly bytes: number
  /** Ranges of pages that differ: the first, and how many. */
  readonly runs: readonly (readonly [first: number, count: number])[]
}

export function compareCheckpoints(before: Checkpoint, after: Checkpoint): CheckpointDifference {
  const count = Math.max(before.instances.length, after.instances.length)
  const each = <T>(
    compare: (a: InstanceState | undefined, b: InstanceState | undefined, instance: number) => T[],
  ): T[] => Array.from({ length: count }, (_, i) => compare(before.instances[i], after.instances[i], i)).flat()
  return {
    memories: each(compareMemories),
    globals: each((a, b, instance) => compareWords(a?.globals, b?.globals).map((word) => ({ instance, ...word }))),
    tables: each(compareTables),
    stacks: compareStacks(before.stacks, after.stacks),
    calls: after.calls - before.calls,
  }
}

function compareMemories(
  a: InstanceState | undefined,
  b: InstanceState | undefined,
  instance: number,
): MemoryDifference[] {
  const count = Math.max(a?.memories.length ?? 0, b?.memories.length ?? 0)
  const none = new Uint8Array(0)
  return Array.from({ length: count }, (_, memory) => {
    const [from, to] = [a?.memories[memory]?.bytes ?? none, b?.memories[memory]?.bytes ?? none]
    return { instance, memory, from: from.length, to: to.length, ...comparePages(from, to) }
  })
}

/** Bytes that only one of them has count where they are not zeros. */
function comparePages(a: Uint8Array, b: Uint8Array): Pick<MemoryDifference, 'pages' | 'bytes' | 'runs'> {
  const runs: [number, number][] = []
  let [pages, bytes] = [0, 0]
  for (let start = 0; start < Math.max(a.length, b.length); start += pageSize) {
    let changed = 0
    for (let at = start; at < start + pageSize; at++) if ((a[at] ?? 0) !== (b[at] ?? 0)) changed++
    if (changed === 0) continue
    pages++
    bytes += changed
    const last = runs.at(-1)
    const page = start / pageSize
    if (last !== undefined && last[0] + last[1] === page) last[1]++
    else runs.push([page, 1])
  }
  return { pages, bytes, runs }
}

function compareWords(a: Uint32Array = new Uint32Array(0), b: Uint32Array = new Uint32Array(0)) {
  const changed: { index: number; from: number; to: number }[] = []
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [from, to] = [a[index] ?? 0, b[index] ?? 0]
    if (from !== to) changed.push({ index, from, to })
  }
  return changed
}

function compareTables(a: InstanceState | undefined, b: InstanceState | undefined, instance: number) {
  const count = Math.max(a?.tables.length ?? 0, b?.tables.length ?? 0)
  return Array.from({ length: count }, (_, table) => {
    const [from, to] = [a?.tables[table], b?.tables[table]]
    return { instance, table, changed: compareWords(from, to).length, from: from?.length ?? 0, to: to?.length ?? 0 }
  }).filter(({ changed, from, to }) => changed > 0 || from !== to)
}

function compareStacks(a: readonly StackState[], b: readonly StackState[]): CheckpointDifference['stacks'] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, stack) => {
    const [from, to] = [a[stack]?.frames ?? [], b[stack]?.frames ?? []]
    let same = 0
    // Frames are listed from the innermost on.
    while (same < Math.min(from.length, to.length) && isSameFrame(from.at(-1 - same)!, to.at(-1 - same)!)) same++
    return { stack, same, from: from.length, to: to.length }
  })
}

type Frame = StackState['frames'][number]

function isSameFrame(a: Frame, b: Frame): boolean {
  const isSamePlace = a.instance === b.instance && a.site === b.site && a.words.length === b.words.length
  return isSamePlace && a.words.every((word, i) => word === b.words[i])
}
