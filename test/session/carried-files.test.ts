// A session takes its files along: CPython is frozen while it writes below a directory of the host, and goes on elsewhere.

import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Session } from '../../host-node/sessions.ts'
import { checkpointFiles, listFiles } from '../../runtime/session/files/checkpoint-files.ts'
import { listTree } from '../programs/prepare.ts'
import { titled } from '../support/titled.ts'
import { type ArchiveWorld, archiveWorld, type Files, given, least, python } from './archive.ts'

const { available, reason } = python
let world: ArchiveWorld
beforeEach(async () => {
  world = await archiveWorld()
})
afterEach(() => world.dispose())

const start = (host: string, options: Parameters<ArchiveWorld['start']>[0] = {}) =>
  world.start({ mounts: [{ host, guest: '/data' }, world.scripts], ...options })

/** Calls at which the program is frozen, between its first and its last change. */
const calls = [1500, 1720, 1850, 2060]

async function frozen(call: number, files: Files) {
  const host = world.folder(`host-${call}`, files)
  const options = { triggers: [{ kind: 'call' as const, call }], stopAfterSnapshot: true, name: `calc-${call}` }
  expect(await (await start(host, options)).done).toMatchObject({ kind: 'suspended' })
  return { name: `calc-${call}`, host }
}

/** Files and output of a run that is not interrupted. */
async function plainly(files: Files) {
  const plain = world.folder('plain', files)
  expect(await (await start(plain)).done).toMatchObject({ kind: 'exited', code: 0 })
  const found = listTree(plain, '/data')
  expect(Object.keys(found).length).toBeGreaterThan(20)
  return { files: found, said: world.output }
}

describe.skipIf(!available)(`files of the host travel${available ? '' : ` (${reason})`}`, () => {
  test('to a copy of the directory that has but what was there before', { timeout: 120_000 }, async () => {
    const { files, said } = await plainly(given)
    for (const call of calls) {
      const { name } = await frozen(call, given)
      world.output = ''
      const other = world.folder(`other-${call}`, given)
      const mounts = [{ host: other, guest: '/data' }, world.scripts]
      const there = await Session.restore(world.store, name, { ...world.common(), mounts, files: 'restore' })
      expect(await there.done).toMatchObject({ kind: 'exited', code: 0 })
      // What was in a directory that the session had renamed before is not its own to remove.
      const left = call >= 1850 ? { '/data/stays/deep/file.txt': 'stays' } : {}
      expect(listTree(other, '/data')).toEqual({ ...files, ...left })
      expect(call >= 1850 || said.endsWith(world.output)).toBe(true)
    }
  })

  test('to an empty directory, and to none at all', { timeout: 120_000 }, async () => {
    const { files, said } = await plainly(least)
    for (const call of calls) {
      const { name } = await frozen(call, least)
      world.output = ''
      const empty = world.folder(`empty-${call}`)
      const mounts = [{ host: empty, guest: '/data' }, world.scripts]
      const options = { ...world.common(), name: `there-${call}`, mounts, files: 'restore' as const }
      expect(await (await Session.restore(world.store, name, options)).done).toMatchObject({ kind: 'exited', code: 0 })
      expect(listTree(empty, '/data')).toEqual(files)
      expect(said.endsWith(world.output)).toBe(true)

      world.output = ''
      world.events = []
      const triggers = Array.from({ length: 60 }, (_, i) => ({ kind: 'call' as const, call: call + 15 * (i + 1) }))
      const memory = await Session.restore(world.store, name, {
        ...world.common(),
        triggers,
        keep: true,
        name: `memory-${call}`,
      })
      expect(await memory.done).toMatchObject({ kind: 'exited', code: 0 })
      expect(said.endsWith(world.output)).toBe(true)
      expect(world.events.find(({ kind }) => kind === 'inMemory')).toMatchObject({
        mounts: [{ guest: '/data' }, { guest: '/scripts', files: 0 }],
      })
      expect(await world.taken(`memory-${call}`)).toEqual(files)
    }
  })
})

describe.skipIf(!available)(titled('a granted directory is compared with the checkpoint', reason), () => {
  test('and refused with all that differs, kept, or put back', { timeout: 120_000 }, async () => {
    const { files } = await plainly(given)
    const { name, host } = await frozen(1850, given)
    const mounts = [{ host, guest: '/data' }, world.scripts]
    writeFileSync(join(host, 'best.txt'), 'somebody else')
    rmSync(join(host, 'out', 'one', '1.json'))
    writeFileSync(join(host, 'mine.txt'), 'not of the session')
    const refused = Session.restore(world.store, name, { ...world.common(), mounts })
    await expect(refused).rejects.toMatchObject({ code: 'STASIS_FILE_MISSING', fields: { problems: 2 } })
    await expect(refused).rejects.toThrow(/best\.txt is changed/)
    await expect(refused).rejects.toThrow(/out\/one\/1\.json is missing/)

    const kept = await Session.restore(world.store, name, {
      ...world.common(),
      mounts,
      files: 'keep',
      name: 'kept',
      keepLog: true,
    })
    expect(await kept.done).toMatchObject({ kind: 'exited' })
    expect(existsSync(join(host, 'out', 'one', '1.json'))).toBe(false)

    const again = await Session.restore(world.store, name, { ...world.common(), mounts, files: 'restore' })
    expect(await again.done).toMatchObject({ kind: 'exited', code: 0 })
    expect(listTree(host, '/data')).toEqual({ ...files, '/data/mine.txt': 'not of the session' })
  })

  test('and taken for the same where it is a copy with other times', { timeout: 120_000 }, async () => {
    const { files } = await plainly(given)
    const { name, host } = await frozen(1720, given)
    const copy = join(world.base, 'copy')
    cpSync(host, copy, { recursive: true, verbatimSymlinks: true })
    const mounts = [{ host: copy, guest: '/data' }, world.scripts]
    const copied = await Session.restore(world.store, name, { ...world.common(), mounts })
    expect(await copied.done).toMatchObject({ kind: 'exited', code: 0 })
    expect(listTree(copy, '/data')).toEqual(files)
  })

  test('and put back to an older version, without a log', { timeout: 120_000 }, async () => {
    const { files } = await plainly(given)
    const host = world.folder('host', least)
    const triggers = [1500, 1720, 2000].map((call) => ({ kind: 'call' as const, call }))
    const first = await start(host, { triggers, log: false, keep: true })
    expect(await first.done).toMatchObject({ kind: 'exited', code: 0 })
    const mounts = [{ host, guest: '/data' }, world.scripts]
    writeFileSync(join(host, 'mine.txt'), 'not of the session')
    for (const version of [3, 2, 1]) {
      const then = await world.taken(`calc@${version}`)
      const name = `from-${version}`
      const options = { ...world.common(), mounts, files: 'restore' as const, log: false, name }
      const back = await Session.restore(world.store, `calc@${version}`, {
        ...options,
        triggers: [{ kind: 'call', call: 1 }],
      })
      expect(await back.done).toMatchObject({ kind: 'exited', code: 0 })
      expect(listTree(host, '/data')).toEqual({ ...files, '/data/mine.txt': 'not of the session' })
      expect(Object.keys(then).length).toBeLessThan(Object.keys(files).length)
    }
  })

  test('but for what the session has changed since and had not touched before', { timeout: 60_000 }, async () => {
    const host = world.folder('host', given)
    const triggers = [1500, 1850].map((call) => ({ kind: 'call' as const, call }))
    expect(await (await start(host, { triggers, keep: true })).done).toMatchObject({ kind: 'exited', code: 0 })
    const before = listTree(host, '/data')
    const mounts = [{ host, guest: '/data' }, world.scripts]
    const back = Session.restore(world.store, 'calc@1', { ...world.common(), mounts, files: 'restore' })
    await expect(back).rejects.toMatchObject({ code: 'STASIS_FILES_UNKNOWN' })
    await expect(back).rejects.toThrow(/\/data\/old\.txt/)
    expect(listTree(host, '/data')).toEqual(before)
  })
})

describe.skipIf(!available)(titled('what is carried', reason), () => {
  test('is bounded, and refused by name where it is more', { timeout: 60_000 }, async () => {
    const host = world.folder('host', given)
    const first = await start(host, { triggers: [{ kind: 'call', call: 1850 }], maxFileBytes: 100 })
    expect(await first.done).toMatchObject({ kind: 'exited', code: 0 })
    const refused = world.events.find(({ kind }) => kind === 'refused')
    expect(refused).toMatchObject({ cause: 'call', error: { code: 'STASIS_FILES_TOO_LARGE' } })
    expect(String((refused as { error: Error }).error.message)).toMatch(/\/data\/\S+: \d+ bytes[\s\S]*--max-file-bytes/)
  })

  test('is nothing where that is wanted', { timeout: 60_000 }, async () => {
    const host = world.folder('host', given)
    const first = await start(host, {
      triggers: [{ kind: 'call', call: 1850 }],
      maxFileBytes: 0,
      stopAfterSnapshot: true,
    })
    expect(await first.done).toMatchObject({ kind: 'suspended' })
    const { files } = await world.image('calc')
    expect(files).toMatchObject({ content: 'left out', contents: [] })
    expect(files!.files.map(({ path }) => path)).toContain('best.txt')
    const nowhere = Session.restore(world.store, 'calc', world.common())
    await expect(nowhere).rejects.toMatchObject({ code: 'STASIS_MOUNT_NOT_GRANTED' })
  })

  test('is listed with what happened to it', { timeout: 60_000 }, async () => {
    await frozen(2060, given)
    const listing = listFiles(checkpointFiles(await world.image('calc-2060')))
    const states = Object.fromEntries(listing.map(({ path, state }) => [path, state]))
    expect(states).toMatchObject({
      '/data/given.txt': 'open',
      '/data/best.txt': 'created',
      '/data/out': 'created-directory',
      '/data/out/one': 'created-directory',
      '/data/journal.log': 'created',
      '/data/link': 'created',
      '/data/old.txt': 'removed',
      '/data/moved': 'moved',
      '/data/moved/deep/file.txt': 'moved',
      '/data/stays': 'removed',
    })
    expect(states).not.toHaveProperty('/data/best.tmp')
    expect(listing.every(({ carried, state }) => carried || state === 'removed')).toBe(true)
  })
})
