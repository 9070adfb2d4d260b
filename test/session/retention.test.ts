// `--keep-for`, `--keep` and `--thin` through a whole session, whose clock is set by the test.
import { expect, test } from 'vitest'
import { retentionOf } from '../../host-node/cli/begin-session.ts'
import { parseLongDuration } from '../../host-node/cli/values.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import type { Session } from '../../runtime/session/session.ts'
import { listVersions, loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { collectGarbage } from '../../runtime/store/gc.ts'
import type { RetentionRules } from '../../runtime/store/kept.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { counter } from './guests.ts'
import { restore, start } from './harness.ts'

const hour = 3_600_000
const day = 24 * hour
const began = Date.UTC(2026, 4, 1, 12)

/** As the command line makes them of `--keep-for TIME`. */
const keepFor = (text: string): RetentionRules =>
  retentionOf({ keep: true, 'keep-for': parseLongDuration(text), thin: false })

const versionsIn = async (store: MemoryStore) => (await listVersions(store, 'calc')).map(({ version }) => version)

/** What the program has counted to in a version. */
async function labelOf(store: MemoryStore, version: number): Promise<string | undefined> {
  return decodeCheckpoint((await loadCheckpoint(store, { name: 'calc', version })).bytes).label
}

/** Takes a checkpoint `after` milliseconds from the beginning on. */
async function checkpointAt(clock: { time: number }, session: Session, after: number): Promise<void> {
  clock.time = began + after
  const count = await session.call('next')
  await session.checkpoint({ label: `${count}` })
}

test('with --keep-for 7d a session keeps the versions of the last seven days, and the newest', async () => {
  const clock = { time: began }
  const world = { sessionTime: () => clock.time }
  const store = new MemoryStore()
  const retention = keepFor('7d')
  expect(retention).toEqual({ keepFor: 7 * day })
  const { session } = await start({ module: counter, store, name: 'calc', keep: true, retention }, world)
  for (const days of [0, 1, 6]) await checkpointAt(clock, session, days * day)
  expect(await versionsIn(store)).toEqual([1, 2, 3])
  // A version is gone with the first one that is taken when it is seven days old, and no earlier.
  await checkpointAt(clock, session, 7 * day - 1)
  expect(await versionsIn(store)).toEqual([1, 2, 3, 4])
  await checkpointAt(clock, session, 7 * day)
  expect(await versionsIn(store)).toEqual([2, 3, 4, 5])
  await checkpointAt(clock, session, 8 * day)
  expect(await versionsIn(store)).toEqual([3, 4, 5, 6])
  await session.checkpoint({ stop: true })
  await session.done
  // Away for a month: whatever is taken next is the only one that is young enough.
  clock.time = began + 40 * day
  const goOn = await restore(store, 'calc', { keep: true, retention }, world)
  expect(await versionsIn(store)).toEqual([3, 4, 5, 6, 7])
  await checkpointAt(clock, goOn.session, 40 * day)
  expect(await versionsIn(store)).toEqual([8])
  expect(await labelOf(store, 8)).toBe('17')
  clock.time = began + 90 * day
  await goOn.session.end()
  expect(await versionsIn(store)).toEqual([8])
})

test('a clock that is set back keeps versions that seem to be of the future', async () => {
  const clock = { time: began }
  const store = new MemoryStore()
  const options = { module: counter, store, name: 'calc', keep: true, retention: keepFor('7d') }
  const { session } = await start(options, { sessionTime: () => clock.time })
  await checkpointAt(clock, session, 30 * day)
  await checkpointAt(clock, session, 0)
  await checkpointAt(clock, session, 6 * day)
  expect(await versionsIn(store)).toEqual([1, 2, 3])
  await checkpointAt(clock, session, 8 * day)
  expect(await versionsIn(store)).toEqual([1, 3, 4])
  await session.end()
})

test('--keep, --keep-for and --thin together keep what any of them keeps, in a session and by gc', async () => {
  const clock = { time: began }
  const store = new MemoryStore()
  const retention = retentionOf({ keep: 2, 'keep-for': parseLongDuration('90m'), thin: true })
  const options = { module: counter, store, name: 'calc', keep: true, retention }
  const { session } = await start(options, { sessionTime: () => clock.time })
  for (let half = 0; half <= 8; half++) await checkpointAt(clock, session, (half * hour) / 2)
  // Taken at 12:00, 12:30, ... 16:00: all of the last 90 minutes, and before that the newest of each hour.
  expect(await versionsIn(store)).toEqual([2, 4, 6, 7, 8, 9])
  await checkpointAt(clock, session, 3 * day)
  // Of the first day one is left; the second one is there by --keep.
  expect(await versionsIn(store)).toEqual([9, 10])
  await checkpointAt(clock, session, 5 * day)
  await checkpointAt(clock, session, 9 * day)
  expect(await versionsIn(store)).toEqual([10, 11, 12])
  await session.end()
  await collectGarbage(store, 'calc', keepFor('5d'), began + 9 * day)
  expect(await versionsIn(store)).toEqual([11, 12])
  await collectGarbage(store, 'calc', keepFor('7d'), began + 90 * day)
  expect(await versionsIn(store)).toEqual([12])
  expect(await labelOf(store, 12)).toBe('22')
})
