import { StasisError } from '../../wasm-shim/errors.ts'

/** Which versions stay. One stays if any rule that is given keeps it; the newest always does. Without rules all do. */
export interface RetentionRules {
  /** The newest so many. */
  readonly keep?: number
  /** Those younger than so many milliseconds. */
  readonly keepFor?: number
  /** All of the last hour, the newest of each hour of the last day, the newest of each day of the last week. */
  readonly thin?: boolean
}

const hour = 3_600_000
const day = 24 * hour
const week = 7 * day

export function hasRules({ keep, keepFor, thin = false }: RetentionRules): boolean {
  return keep !== undefined || keepFor !== undefined || thin
}

/** The numbers of the versions that stay. `versions` ascend; times and `now` are milliseconds since the epoch. */
export function keptVersions(
  versions: readonly { readonly version: number; readonly time: number }[],
  rules: RetentionRules,
  now: number,
): ReadonlySet<number> {
  const { keep, keepFor, thin = false } = rules
  if (!hasRules(rules)) return new Set(versions.map(({ version }) => version))
  const kept = new Set<number>()
  const seen = new Set<string>()
  // From the newest on, so that the first of an hour or a day is its newest.
  for (const [rank, { version, time }] of [...versions].reverse().entries()) {
    const age = now - time
    const span = thin ? spanOf(version, time, age) : undefined
    const isFirst = span !== undefined && !seen.has(span)
    if (span !== undefined) seen.add(span)
    if (rank === 0 || rank < (keep ?? 0) || age < (keepFor ?? 0) || isFirst) kept.add(version)
  }
  return kept
}

/** What one version is kept of; undefined where none is. Of the last hour each is its own. */
function spanOf(version: number, time: number, age: number): string | undefined {
  if (age < hour) return `version ${version}`
  if (age < day) return `hour ${Math.floor(time / hour)}`
  return age < week ? `day ${Math.floor(time / day)}` : undefined
}

/** Refuses what types cannot. Throws STASIS_OPTION. */
export function checkRules({ keep = 1, keepFor = 1 }: RetentionRules): void {
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new StasisError('STASIS_OPTION', `retention.keep is ${keep}, and must be a whole number above 0.`)
  }
  if (!(keepFor > 0)) {
    throw new StasisError('STASIS_OPTION', `retention.keepFor is ${keepFor}, and must be milliseconds above 0.`)
  }
}
