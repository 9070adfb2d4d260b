// Sessions whose directory is an overlay: CPython writes, the host's directory stays as it is.
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Session } from '../../host-node/sessions.ts'
import { removeVersions } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { listTree } from '../programs/prepare.ts'
import { type ArchiveWorld, archiveWorld, type Files, given, least, python } from './archive.ts'

const { available, reason } = python
let world: ArchiveWorld
beforeEach(async () => {
  world = await archiveWorld()
})
afterEach(() => world.dispose())

const overlay = (host: string) => ({ host, guest: '/data', overlay: true as const })
const mountsOf = (host: string) => [overlay(host), world.scripts]

/** Files and output of a run on a plain directory. */
async function plainly(files: Files) {
  const plain = world.folder('plain', files)
  const session = await world.start({ mounts: [{ host: plain, guest: '/data' }, world.scripts] })
  expect(await session.done).toMatchObject({ kind: 'exited', code: 0 })
  return { files: listTree(plain, '/data'), said: world.output }
}

const late = Array.from({ length: 80 }, (_, i) => ({ kind: 'call' as const, call: 1500 + 15 * i }))
const calls = [1500, 1720, 1850, 2060]

describe.skipIf(!available)(`an overlay${available ? '' : ` (${reason})`}`, () => {
  test('has at the end what a plain directory has, and leaves the host’s as it is', { timeout: 120_000 }, async () => {
    const { files, said } = await plainly(given)
    const host = world.folder('host', given)
    const before = listTree(host, '/data')
    for (const call of calls) {
      world.output = ''
      const name = `calc-${call}`
      const options = {
        mounts: mountsOf(host),
        triggers: [{ kind: 'call' as const, call }],
        stopAfterSnapshot: true,
        name,
      }
      expect(await (await world.start(options)).done).toMatchObject({ kind: 'suspended' })
      const again = { ...world.common(), mounts: mountsOf(host), keep: true, triggers: late }
      expect(await (await Session.restore(world.store, name, again)).done).toMatchObject({ kind: 'exited', code: 0 })
      expect(world.output).toBe(said)
      expect(listTree(host, '/data')).toEqual(before)
      const own = await world.taken(name)
      const removed = new Set(['/data/old.txt', '/data/stays/deep/file.txt'])
      const below = Object.entries(before).filter(([path]) => !removed.has(path))
      expect({ ...Object.fromEntries(below), ...own }).toEqual(files)
    }
  })

  test('goes on in memory where its directory is not granted', { timeout: 120_000 }, async () => {
    const { files, said } = await plainly(least)
    const host = world.folder('host', least)
    for (const call of calls) {
      world.output = ''
      world.events = []
      const name = `calc-${call}`
      const options = {
        mounts: mountsOf(host),
        triggers: [{ kind: 'call' as const, call }],
        stopAfterSnapshot: true,
        name,
      }
      expect(await (await world.start(options)).done).toMatchObject({ kind: 'suspended' })
      const memory = await Session.restore(world.store, name, { ...world.common(), keep: true, triggers: late })
      expect(await memory.done).toMatchObject({ kind: 'exited', code: 0 })
      expect(world.output).toBe(said)
      expect(world.events.find(({ kind }) => kind === 'inMemory')).toMatchObject({ mounts: [{ guest: '/data' }, {}] })
      expect(await world.taken(name)).toEqual(files)
    }
  })

  test('is rolled forward and replayed by the log', { timeout: 120_000 }, async () => {
    const { said } = await plainly(given)
    const host = world.folder('host', given)
    world.output = ''
    const session = await world.start({ mounts: mountsOf(host), triggers: late, keepLog: true })
    expect(await session.done).toMatchObject({ kind: 'exited', code: 0 })
    for (const version of [10, 30, 50]) {
      const live = await world.image(`calc@${version}`)
      const target = new MemoryStore()
      const options = { store: target, name: 'there', until: live.calls, echo: false, ...world.common() }
      const { stdin: _, maxRecovery: _never, ...streams } = options
      const replayed = await Session.replay(world.store, 'calc@1', { ...streams, mounts: [overlay(host)] })
      expect(await replayed.done).toMatchObject({ kind: 'suspended', checkpoint: { calls: live.calls } })
      // Where a replay stops no contents are carried, hence not those of files that are unchanged below.
      const {
        '/data/given.txt': open,
        '/data/moved/deep/file.txt': _moved,
        ...own
      } = await world.taken(`calc@${version}`)
      expect(await world.taken('there', target)).toEqual(own)
      expect(open).toBe(given['given.txt'])
    }
    // Without its newest checkpoints a session that was stopped goes on from the one before, or begins, by its log.
    world.output = ''
    const stopped = await world.start({ mounts: mountsOf(host), triggers: [late[9]!], name: 'stopped', keepLog: true })
    while (!world.events.some(({ kind, ...rest }) => kind === 'checkpoint' && isOf(rest, 'stopped'))) await turn()
    await stopped.checkpoint({ stop: true })
    expect(await stopped.done).toMatchObject({ kind: 'suspended', checkpoint: { version: 2 } })
    await removeVersions(world.store, 'stopped', ({ version }) => version === 2)
    const fork = { ...world.common(), mounts: mountsOf(host), name: 'from-one' }
    expect(await (await Session.restore(world.store, 'stopped', fork)).done).toMatchObject({ kind: 'exited', code: 0 })
    await removeVersions(world.store, 'stopped')
    world.events = []
    world.output = ''
    const again = await Session.restore(world.store, 'stopped', { ...world.common(), mounts: mountsOf(host) })
    expect(await again.done).toMatchObject({ kind: 'exited', code: 0 })
    expect(world.events.find(({ kind }) => kind === 'recovered')).toBeDefined()
    expect(said.endsWith(world.output)).toBe(true)
  })

  test('is not granted as a plain directory, nor with an open file that changed below', {
    timeout: 60_000,
  }, async () => {
    const host = world.folder('host', given)
    const options = { mounts: mountsOf(host), triggers: [late[9]!], stopAfterSnapshot: true }
    expect(await (await world.start(options)).done).toMatchObject({ kind: 'suspended' })
    const plain = { ...world.common(), mounts: [{ host, guest: '/data' }, world.scripts] }
    await expect(Session.restore(world.store, 'calc', plain)).rejects.toMatchObject({ code: 'STASIS_MOUNT_KIND' })
    const mounts = mountsOf(host)
    writeFileSync(join(host, 'given.txt'), 'something else')
    utimesSync(join(host, 'given.txt'), 1, 1)
    const changed = Session.restore(world.store, 'calc', { ...world.common(), mounts })
    await expect(changed).rejects.toMatchObject({ code: 'STASIS_FILE_CHANGED' })
    await expect(changed).rejects.toThrow(/given\.txt changed/)
  })
})

const isOf = (event: object, name: string) =>
  (event as { checkpoint?: { session: string } }).checkpoint?.session === name
const turn = () => new Promise((resolve) => setTimeout(resolve, 1))
