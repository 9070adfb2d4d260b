import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { movers, TwoPlaces } from './movers.ts'

// Several processes, each with seconds of work to be interrupted in.
vi.setConfig({ testTimeout: 240_000 })

let places: TwoPlaces
beforeEach(() => {
  places = new TwoPlaces()
})
afterEach(() => places.close())

test.each(Object.entries(movers))(
  '%s moves to a server while it runs, and finishes there as if nothing had happened',
  async (_, mover) => {
    const expected = await places.plain(mover)
    await places.serve()
    const running = places.run(mover)
    await running.says(mover.middle)
    const moved = await places.here.run('migrate', 'calc', places.url, '--store', 'here', '--json')
    expect(moved.err).toBe('')
    expect(JSON.parse(moved.out)).toMatchObject({ name: 'calc', running: true })
    expect(await running.finished).toMatchObject({ code: 75 })
    const there = await places.here.run('attach', `${places.url}/calc`)
    expect(`${running.out}${there.out}${there.code}`).toBe(expected)
    const refused = await places.here.run('restore', 'calc', '--store', 'here')
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringContaining(`Bring it here: stasis pull --take ${places.url}/calc`),
    })
  },
)

test('A session goes to the server and comes back, running each time, and a copy of it does not run', async () => {
  const mover = movers.lua
  const expected = await places.plain(mover)
  await places.serve()
  const running = places.run(mover)
  await running.says('\n30:')
  expect(await places.here.run('push', 'calc', places.url, '--store', 'here', '--as', 'copy')).toMatchObject({
    code: 0,
  })
  expect((await places.here.run('attach', '--start', `${places.url}/copy`)).err).toContain('STASIS_LEASE_COPY')
  expect(await places.here.run('migrate', 'calc', places.url, '--store', 'here')).toMatchObject({ code: 0 })
  await running.finished
  const watching = places.here.start('attach', '--read-only', `${places.url}/calc`)
  await watching.says(':')
  const taken = await places.here.run('pull', '--take', `${places.url}/calc`, '--store', 'here')
  expect(taken).toMatchObject({ code: 0, out: expect.stringContaining('calc has moved here') })
  expect(await watching.finished).toMatchObject({
    code: 75,
    err: expect.stringContaining('calc has moved to'),
  })
  const rest = await places.here.run(
    'restore',
    'calc',
    '--store',
    'here',
    '--dir',
    `${join(places.here.directory, 'work')}::/job`,
  )
  expect(`${running.out}${watching.out}${rest.out}${rest.code}`).toBe(expected)
})

test('One types, others look on, and who attaches later sees what was on the screen', async () => {
  await places.serve()
  const running = places.run({ program: 'lua', args: ['/job/ask.lua'], env: [], middle: '' })
  running.write('one\n')
  await running.says('got one')
  expect(await places.here.run('migrate', 'calc', places.url, '--store', 'here')).toMatchObject({ code: 0 })
  const writer = places.here.start('attach', `${places.url}/calc`)
  writer.write('two\n')
  await writer.says('got two')
  const viewer = places.here.start('attach', `${places.url}/calc`)
  viewer.write('not heard\n')
  await viewer.says('got two')
  writer.write('three\n')
  await viewer.says('got three')
  expect(await writer.end()).toMatchObject({ code: 0, out: expect.stringMatching(/got three\ndone\n$/) })
  const { out } = await viewer.finished
  expect(out).not.toContain('not heard')
  expect(out).toContain('done')
})

test('A server that is told to end stops its sessions with a checkpoint, and goes on with them later', async () => {
  const mover = movers.lua
  const expected = await places.plain(mover)
  const server = await places.serve()
  const running = places.run(mover)
  await running.says('\n30:')
  expect(await places.here.run('migrate', 'calc', places.url, '--store', 'here')).toMatchObject({ code: 0 })
  const watching = places.here.start('attach', `${places.url}/calc`)
  await watching.says(':')
  server.child.kill('SIGTERM')
  expect(await server.finished).toMatchObject({ code: 0 })
  await watching.finished
  const rest = await places.here.run(
    'restore',
    'calc',
    '--store',
    'there',
    '--dir',
    `${join(places.here.directory, 'work')}::/job`,
  )
  expect(`${running.out}${watching.out}${rest.out}${rest.code}`).toBe(expected)
})

test('A session that is moved away is a fork where that is forced, with an identity of its own', async () => {
  await places.serve()
  const running = places.run(movers.lua)
  await running.says('\n30:')
  expect(await places.here.run('migrate', 'calc', places.url, '--store', 'here', '--no-start')).toMatchObject({
    code: 0,
  })
  await running.finished
  const grant = ['--dir', `${join(places.here.directory, 'work')}::/job`, '--store', 'here'] as const
  expect(await places.here.run('restore', 'calc', ...grant)).toMatchObject({
    code: 1,
    err: expect.stringContaining('STASIS_LEASE_MOVED'),
  })
  const forked = await places.here.run('restore', '--force-fork', 'calc', ...grant, '--keep')
  expect(forked).toMatchObject({ code: 7, out: expect.stringMatching(/\n1000:\d+\n$/) })
  // The one that was moved is still where it is, and runs.
  expect(await places.here.run('restore', 'calc', '--store', 'there', ...grant.slice(0, 2))).toMatchObject({ code: 7 })
  const line = (store: string) =>
    readFileSync(join(places.here.directory, store, 'sessions/calc/lease.cbor')).toString('latin1')
  expect(line('here')).toContain('owned')
})
