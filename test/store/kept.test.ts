import { expect, test } from 'vitest'
import { keptVersions } from '../../runtime/store/kept.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const now = Date.UTC(2026, 10, 24, 12, 0, 0)
/** Ascending: the oldest first. */
const at = (...ages: readonly number[]) => ages.map((age, i) => ({ version: i + 1, time: now - age }))
const kept = (versions: ReturnType<typeof at>, rules: Parameters<typeof keptVersions>[1]) => [
  ...[...keptVersions(versions, rules, now)].sort((a, b) => a - b),
]

test('without rules all versions stay, and with any the newest does', () => {
  expect(kept(at(9 * day, 3, 2), {})).toEqual([1, 2, 3])
  expect(kept(at(90 * day), { keepFor: hour })).toEqual([1])
  expect(kept(at(90 * day, 80 * day), { thin: true })).toEqual([2])
  expect(kept([], { keep: 3 })).toEqual([])
})

test('so many of the newest stay, and those that are young enough', () => {
  expect(kept(at(5, 4, 3, 2, 1), { keep: 2 })).toEqual([4, 5])
  expect(kept(at(8 * day, 6 * day, hour), { keepFor: 7 * day })).toEqual([2, 3])
  expect(kept(at(8 * day, 6 * day, hour, 1), { keepFor: 2 * hour, keep: 3 })).toEqual([2, 3, 4])
})

test('thinned, there is the newest of each hour for a day, of each day for a week, and all of the last hour', () => {
  const ages = [8 * day, 30 * hour + 1, 30 * hour, 3 * hour + 40 * minute, 3 * hour + 20 * minute, 50 * minute, 1]
  expect(kept(at(...ages), { thin: true })).toEqual([3, 5, 6, 7])
})
