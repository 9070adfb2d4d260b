import { StasisError } from '../../../wasm-shim/errors.ts'
import type { SavedRegion } from './catalog.ts'

/**
 * The version that `wanted` means among the existing ones, ascending: above 0 itself, 0 the newest, -1 the one before.
 * `of` begins the message. Throws STASIS_VERSION_UNKNOWN, which names the range.
 */
export function findVersion(existing: readonly number[], wanted: number, of: string): number {
  const found = wanted > 0 ? existing.find((version) => version === wanted) : existing.at(wanted - 1)
  if (found !== undefined && Number.isInteger(wanted)) return found
  throw new StasisError('STASIS_VERSION_UNKNOWN', `${of} has no version ${wanted}. ${rangeOf(existing)}`, {
    version: wanted,
    count: existing.length,
  })
}

/** Of a region's versions those that a version of the file has which was not removed. Both ascend. */
export function listedVersions(all: readonly SavedRegion[], fileVersions: readonly number[]): SavedRegion[] {
  let k = 0
  return all.filter(({ fileVersion }, i) => {
    while (k < fileVersions.length && fileVersions[k]! < fileVersion) k++
    return k < fileVersions.length && fileVersions[k]! < (all[i + 1]?.fileVersion ?? Number.POSITIVE_INFINITY)
  })
}

function rangeOf(existing: readonly number[]): string {
  if (existing.length === 0) return 'Nothing was saved yet.'
  const oldest = existing.length === 1 ? '' : ` to ${1 - existing.length} for the oldest`
  return `There are ${existing[0]} to ${existing.at(-1)}, or 0 for the newest${oldest}.`
}
