import type { DescriptorSummary } from '../../wasm-shim/wasi/describe.ts'
import type { CheckpointReport, FrameReport } from './checkpoint-report.ts'

/** What has happened from one checkpoint of a session to another. */
export interface CheckpointDiff {
  readonly calls: number
  readonly milliseconds: number
  /** Bytes by which the memories have grown. */
  readonly grown: number
  /** Frames, from the outermost, that are at the same call site in both; then those of each. */
  readonly stack: {
    readonly same: number
    readonly left: readonly FrameReport[]
    readonly entered: readonly FrameReport[]
  }
  readonly descriptors: {
    readonly opened: readonly DescriptorSummary[]
    readonly closed: readonly DescriptorSummary[]
    /** Positions in files. */
    readonly moved: readonly {
      readonly fd: number
      readonly path: string
      readonly from: number
      readonly to: number
    }[]
  }
}

export function diffCheckpoints(before: CheckpointReport, after: CheckpointReport): CheckpointDiff {
  return {
    calls: after.calls - before.calls,
    milliseconds: after.time - before.time,
    grown: memoryOf(after) - memoryOf(before),
    stack: diffStacks(framesOf(before), framesOf(after)),
    descriptors: diffDescriptors(before.descriptors, after.descriptors),
  }
}

const memoryOf = ({ instances }: CheckpointReport): number =>
  instances.reduce((sum, { memories }) => memories.reduce((all, { bytes }) => all + bytes, sum), 0)

/** Outermost first. */
const framesOf = ({ stacks }: CheckpointReport): readonly FrameReport[] => [...(stacks[0]?.frames ?? [])].reverse()

function diffStacks(before: readonly FrameReport[], after: readonly FrameReport[]): CheckpointDiff['stack'] {
  const end = Math.min(before.length, after.length)
  let same = 0
  while (same < end && before[same]!.site === after[same]!.site) same++
  return { same, left: before.slice(same).reverse(), entered: after.slice(same).reverse() }
}

function diffDescriptors(
  before: readonly DescriptorSummary[],
  after: readonly DescriptorSummary[],
): CheckpointDiff['descriptors'] {
  const isSame = (a: DescriptorSummary, b: DescriptorSummary) => a.fd === b.fd && a.type === b.type && a.path === b.path
  const absentIn = (others: readonly DescriptorSummary[]) => (one: DescriptorSummary) =>
    !others.some((other) => isSame(one, other))
  const moved = after.flatMap(({ fd, path, offset: to }) => {
    const from = before.find((other) => other.fd === fd && other.path === path)?.offset
    return path === undefined || from === undefined || to === undefined || from === to ? [] : [{ fd, path, from, to }]
  })
  return { opened: after.filter(absentIn(before)), closed: before.filter(absentIn(after)), moved }
}
