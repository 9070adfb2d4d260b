import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import type { Stasis } from '../cli/processes.ts'
import { program } from '../programs/programs.ts'
import { TwoPlaces } from './movers.ts'

vi.setConfig({ testTimeout: 120_000 })

const counting = `local sum = 0
for i = 1, 1500 do
  for j = 1, 400000 do sum = (sum * 31 + j) % 1000003 end
  io.write(i, ":", sum, "\\n") io.flush()
end
os.exit(7)`
/** After a line of output it makes no call for seconds. */
const brooding = `print("begun") io.flush()
local sum = 0
for j = 1, 600000000 do sum = (sum * 31 + j) % 1000003 end
print(sum) os.exit(7)`
const asking = `io.write("ready\\n") io.flush()
for line in io.lines() do io.write("got ", line, "\\n") io.flush() end os.exit(7)`

let places: TwoPlaces
let server: Stasis
beforeEach(async () => {
  places = new TwoPlaces()
  server = await places.serve(0, [])
})
afterEach(() => places.close())

function words(script: string): string[] {
  const module = join(places.here.directory, 'lua.wasm')
  copyFileSync(program('lua').path, module)
  return [module, '-e', script]
}

const run = (script: string): Stasis => places.here.start('run', '--name', 'calc', '--store', 'here', ...words(script))

const migrate = () => places.here.run('migrate', 'calc', places.url, '--store', 'here')

test('A session without directories goes on behind its log where it stood by, and nothing is done twice', async () => {
  const plain = await places.here.run('run', '--no-log', '--store', 'plain', ...words(counting))
  const running = run(counting)
  await running.says('\n50:')
  expect(await migrate()).toMatchObject({ code: 0, err: expect.not.stringContaining('Error') })
  const ended = await running.finished
  expect(ended).toMatchObject({ code: 75, err: expect.stringContaining(`calc has moved to ${places.url}/calc.`) })
  expect(ended.err).not.toContain('Resume with')
  const there = await places.here.run('attach', `${places.url}/calc`)
  expect(`${running.out}${there.out}${there.code}`).toBe(`${plain.out}${plain.code}`)
  expect(server.err).toContain('calc stood by, and went on behind its log.')
  const refused = await places.here.run('restore', 'calc', '--store', 'here')
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_LEASE_MOVED') })
})

test('A session that makes no call is stopped by a checkpoint, and goes on there all the same', async () => {
  const plain = await places.here.run('run', '--no-log', '--store', 'plain', ...words(brooding))
  const running = run(brooding)
  await running.says('begun')
  expect(await migrate()).toMatchObject({ code: 0, err: expect.not.stringContaining('does not run') })
  expect(await running.finished).toMatchObject({ code: 75, err: expect.stringContaining('has moved to') })
  const there = await places.here.run('attach', `${places.url}/calc`)
  expect(`${running.out}${there.out}${there.code}`).toBe(`${plain.out}${plain.code}`)
  expect(server.err).not.toContain('stood by')
})

test('A session that waits for input moves, and reads there what is typed there', async () => {
  const running = run(asking)
  await running.says('ready')
  running.write('one\ntwo\n')
  await running.says('got two')
  expect(await migrate()).toMatchObject({ code: 0, err: expect.not.stringContaining('does not run') })
  expect(await running.finished).toMatchObject({ code: 75 })
  const there = places.here.start('attach', `${places.url}/calc`)
  there.write('three\n')
  await there.says('got three')
  expect(await there.end()).toMatchObject({ code: 7 })
})

/** Reads a file, closes it or holds it open, and then answers. */
const reading = (end: string) => `local file = assert(io.open("/data/seed.txt"))
local seed = file:read("l") ${end}
io.write("ready\\n") io.flush()
for line in io.lines() do io.write("got ", line, seed, "\\n") io.flush() end os.exit(7)`

test.each([
  ['that has no file of it open or written stands by', 'file:close()', true],
  ['of which it holds a file open moves by a checkpoint', '', false],
])('A session with a directory %s', async (_, end, standsBy) => {
  server.child.kill('SIGTERM')
  await server.finished
  for (const name of ['one', 'two']) {
    mkdirSync(join(places.here.directory, name))
    writeFileSync(join(places.here.directory, name, 'seed.txt'), '5\n')
  }
  server = await places.serve(0, ['--dir', './two::/data'])
  const grant = ['--dir', './one::/data']
  const running = places.here.start('run', '--name', 'calc', '--store', 'here', ...grant, ...words(reading(end)))
  await running.says('ready')
  running.write('one\n')
  await running.says('got one5')
  expect(await migrate()).toMatchObject({ code: 0, err: expect.not.stringContaining('does not run') })
  expect(await running.finished).toMatchObject({ code: 75, out: 'ready\ngot one5\n' })
  const there = places.here.start('attach', `${places.url}/calc`)
  there.write('two\n')
  await there.says('got two5')
  expect(await there.end()).toMatchObject({ code: 7, out: 'got two5\n' })
  expect(server.err.includes('calc stood by')).toBe(standsBy)
})

test('A session that is taken from a server goes on here where it stood by, and nothing is done twice', async () => {
  const running = run(asking)
  await running.says('ready')
  expect(await migrate()).toMatchObject({ code: 0 })
  await running.finished
  const there = places.here.start('attach', `${places.url}/calc`)
  there.write('one\n')
  await there.says('got one')
  const back = places.here.start('pull', '--start', `${places.url}/calc`, '--store', 'here')
  back.write('two\n')
  await back.says('got two')
  expect(await there.finished).toMatchObject({ code: 75, err: expect.stringContaining('calc has moved to') })
  expect(await back.end('three\n')).toMatchObject({ code: 7, out: 'got two\ngot three\n', err: '' })
  const refused = await places.here.run('attach', '--start', `${places.url}/calc`)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_LEASE_MOVED') })
})

test('A session that cannot go on here is not stopped on the server', async () => {
  server.child.kill('SIGTERM')
  await server.finished
  for (const name of ['one', 'two']) mkdirSync(join(places.here.directory, name))
  server = await places.serve(0, ['--dir', './two::/data:overlay'])
  const running = places.here.start(
    ...['run', '--name', 'calc', '--store', 'here', '--dir', './one::/data:overlay', ...words(asking)],
  )
  await running.says('ready')
  expect(await migrate()).toMatchObject({ code: 0 })
  const there = places.here.start('attach', `${places.url}/calc`)
  there.write('one\n')
  await there.says('got one')
  const refused = await places.here.run(
    'pull',
    '--start',
    `${places.url}/calc`,
    '--store',
    'here',
    '--dir',
    './one::/data',
  )
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_MOUNT_NOT_GRANTED') })
  there.write('two\n')
  await there.says('got two')
  expect(await there.end()).toMatchObject({ code: 7 })
})

const isLong = process.env.LOG_FAULTS === 'full'
const kills = isLong ? 20 : 3

test(`A server that is killed at ${kills} instants while a session stands by leaves one copy that can run`, {
  timeout: 900_000,
}, async () => {
  const plain = await places.here.run('run', '--no-log', '--store', 'plain', ...words(counting))
  const { port } = new URL(places.url)
  const [here, there] = ['here', 'there'].map((name) => new FileStore(join(places.here.directory, name)))
  for (let kill = 0; kill < kills; kill++) {
    const running = run(counting)
    await running.says('\n20:')
    const mover = places.here.start('migrate', 'calc', places.url, '--store', 'here')
    const moving = mover.end()
    // From before its first round until it is over.
    if (kill % 4 > 0) await mover.says('had changed', 'err').catch(() => undefined)
    await sleep((1000 * kill) / kills)
    server.child.kill('SIGKILL')
    await server.finished
    const leases = [await loadLease(here!, 'calc'), await loadLease(there!, 'calc')]
    // Without a lease the move had not begun: the session is this side's, and nothing of it is there.
    const owners = [mayRun(leases[0]), leases[1] !== undefined && mayRun(leases[1])].filter(Boolean).length
    // One of them; or it was let go and has only to be said again.
    if (owners === 0) expect(leases.map((lease) => lease?.state)).toEqual(['moved', 'received'])
    else expect(owners).toBe(1)
    server = await places.serve(Number(port), [])
    /** It was quicker than its move, and is over here. */
    const isOver = async () => {
      if (running.child.exitCode !== 7) return false
      expect(running.out).toBe(plain.out)
      await places.here.run('rm', 'calc', '--store', 'there')
      return true
    }
    if ((await moving).code !== 0) {
      if (await isOver()) continue
      const lease = await loadLease(here!, 'calc')
      const words = lease?.state === 'moved' ? ['--resume', 'calc'] : ['calc', places.url]
      if (lease?.state !== 'moved' || !lease.confirmed) {
        const again = await places.here.run('migrate', ...words, '--store', 'here')
        if (again.code !== 0) await sleep(1000)
        if (again.code !== 0 && (await isOver())) continue
        expect(`${again.code} ${again.err} ${(await moving).err}`).toMatch(/^0 /)
      }
    }
    expect(await running.finished).toMatchObject({ code: 75 })
    const rest = await places.here.run('attach', '--start', `${places.url}/calc`)
    expect(`${kill}: ${rest.code} ${rest.err}`).toBe(`${kill}: 7 `)
    // What it wrote while nobody looked is not seen; nothing is seen twice.
    expect(plain.out.startsWith(running.out)).toBe(true)
    expect(plain.out.endsWith(rest.out)).toBe(true)
    expect(running.out.length + rest.out.length).toBeLessThanOrEqual(plain.out.length)
    for (const store of ['here', 'there']) await places.here.run('rm', 'calc', '--store', store)
  }
})
