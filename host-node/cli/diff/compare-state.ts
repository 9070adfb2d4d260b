import type { Checkpoint } from '../../../runtime/image/model.ts'
import { type NamedRegion, regionsOf } from '../../../runtime/image/regions.ts'
import { type DescriptorSummary, describeState } from '../../../wasm-shim/wasi/kernel.ts'
import { type Change, changes } from './changes.ts'
import { compareFiles, type FileChange } from './compare-files.ts'

export interface StateDifference {
  readonly descriptors: readonly { readonly fd: number; readonly path: string; readonly change: Change }[]
  readonly regions: readonly RegionChange[]
  readonly files: readonly FileChange[]
}

export interface RegionChange {
  readonly name: string
  readonly change: Change
  /** Bytes: of the later one, of the earlier one where it is gone. */
  readonly length: number
  /** Bytes that differ, those that one has more included. */
  readonly bytes: number
}

/** What differs outside of memory, and in the parts of memory that have names. Throws STASIS_KERNEL_STATE_DAMAGED. */
export function compareState(before: Checkpoint, after: Checkpoint): StateDifference {
  const isSame = (a: DescriptorSummary, b: DescriptorSummary) => JSON.stringify(a) === JSON.stringify(b)
  const descriptors = changes(byFd(before.kernel), byFd(after.kernel), isSame)
  return {
    descriptors: descriptors.map(({ key, change, value }) => ({ fd: key, path: value.path ?? '', change })),
    regions: compareRegions(regionsOf(before), regionsOf(after)),
    files: compareFiles(before, after),
  }
}

function byFd(kernel: Uint8Array): ReadonlyMap<number, DescriptorSummary> {
  return new Map(describeState(kernel).map((summary) => [summary.fd, summary]))
}

function compareRegions(before: readonly NamedRegion[], after: readonly NamedRegion[]): readonly RegionChange[] {
  const byName = (regions: readonly NamedRegion[]) => new Map(regions.map(({ name, bytes }) => [name, bytes]))
  const [earlier, later] = [byName(before), byName(after)]
  const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0
  return changes(earlier, later, isSame).map(({ key: name, change, value }) => ({
    ...{ name, change, length: value.length },
    bytes: differingBytes(earlier.get(name), later.get(name)),
  }))
}

function differingBytes(a: Uint8Array = new Uint8Array(0), b: Uint8Array = new Uint8Array(0)): number {
  const shared = Math.min(a.length, b.length)
  let count = Math.max(a.length, b.length) - shared
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) count++
  return count
}
