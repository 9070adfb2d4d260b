import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Stasis } from '../cli/processes.ts'
import { program } from '../programs/programs.ts'
import { TwoPlaces } from './movers.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Writes a line down for each one that it reads, and reads all of them back. */
const keeping = `local file = assert(io.open("/data/log.txt", "a+"))
io.write("ready\\n") io.flush()
for line in io.lines() do
  file:write(line, "\\n") file:flush()
  file:seek("set", 0)
  io.write("has ", (file:read("a"):gsub("\\n", ",")), "\\n") io.flush()
end
os.exit(7)`

let places: TwoPlaces
beforeEach(() => {
  places = new TwoPlaces()
  for (const name of ['data', 'empty']) mkdirSync(join(places.here.directory, name))
  copyFileSync(program('lua').path, join(places.here.directory, 'lua.wasm'))
})
afterEach(() => places.close())

const inPlace = (path: string): string => join(places.here.directory, path)

async function begin(...options: string[]): Promise<Stasis> {
  const where = options.length > 0 ? options : ['--dir', './data::/data']
  const running = places.here.start(
    ...['run', '--name', 'calc', '--store', 'here', ...where, 'lua.wasm', '-e', keeping],
  )
  await running.says('ready')
  running.write('one\n')
  await running.says('has one,')
  return running
}

const migrate = (...options: string[]) => places.here.run('migrate', 'calc', places.url, '--store', 'here', ...options)

async function goesOnHere(running: Stasis): Promise<void> {
  running.write('two\n')
  await running.says('has one,two,')
  expect(await running.end()).toMatchObject({ code: 7, out: 'ready\nhas one,\nhas one,two,\n' })
}

async function goesOnThere(...had: string[]): Promise<void> {
  const there = places.here.start('attach', `${places.url}/calc`)
  there.write('more\n')
  await there.says(`has ${[...had, 'more'].join()},`)
  expect(await there.end()).toMatchObject({ code: 7 })
}

const canMove = async (...options: string[]) => {
  const { code, out } = await places.here.run(
    ...['inspect', 'calc', '--can-move', places.url, '--store', 'here', '--json', ...options],
  )
  const { movements } = JSON.parse(out) as { movements: { resource: string; moves: string; because: string }[] }
  return { code, directories: movements.filter(({ resource }) => resource.startsWith('directory ')) }
}

test('A directory that the server does not grant goes on in memory, with its files, and the mover is told before', async () => {
  await places.serve(0, [])
  const running = await begin()
  expect((await canMove()).directories).toEqual([
    { resource: 'directory /data', moves: 'moves', because: expect.stringContaining('it goes on in memory') },
  ])
  const moved = await migrate()
  expect(moved).toMatchObject({ code: 0, err: expect.stringMatching(/\/data: it goes on in memory[\s\S]*was stopped/) })
  expect(await running.finished).toMatchObject({ code: 75 })
  await goesOnThere('one')
  expect(readFileSync(inPlace('data/log.txt'), 'utf8')).toBe('one\n')
})

test('A session that was stopped is asked for too, and goes on in memory', async () => {
  await places.serve(0, [])
  const running = await begin()
  expect(await places.here.run('checkpoint', 'calc', '--stop', '--store', 'here')).toMatchObject({ code: 0 })
  expect(await running.finished).toMatchObject({ code: 75 })
  expect(await migrate()).toMatchObject({ code: 0, err: expect.stringContaining('/data: it goes on in memory') })
  await goesOnThere('one')
})

test('An overlay that is granted as a plain directory is refused while the program runs, which it goes on to do', async () => {
  await places.serve(0, ['--dir', './empty::/data'])
  const running = await begin('--dir', './data::/data:overlay')
  expect(await canMove()).toMatchObject({ code: 1, directories: [{ moves: 'does not move' }] })
  const refused = await migrate()
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_MOUNT_NOT_GRANTED') })
  expect(refused.err).toContain('/data: it is an overlay, and is granted there as a plain directory')
  expect(`${refused.err}${running.err}`).not.toMatch(/stopped|goes on here/)
  await goesOnHere(running)
})

test('Files that are too large to go along are refused while the program runs', async () => {
  await places.serve(0, [])
  const running = await begin('--dir', './data::/data', '--max-file-bytes', '2')
  const refused = await migrate()
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_FILES_TOO_LARGE') })
  expect(running.err).not.toContain('goes on here')
  await goesOnHere(running)
})

test('A session that was killed without a checkpoint moves only with its directory, and --can-move says the same', async () => {
  await places.serve(0, [])
  const running = await begin()
  running.child.kill('SIGKILL')
  await running.finished
  expect(await canMove()).toMatchObject({ code: 1, directories: [{ moves: 'does not move' }] })
  expect(await migrate()).toMatchObject({
    code: 1,
    err: expect.stringContaining('the log leads on from the checkpoint'),
  })
  expect(await places.here.run('inspect', 'calc', '--can-move', 'firefox', '--store', 'here')).toMatchObject({
    code: 1,
  })
  // It is this store's as before.
  const again = places.here.start('restore', 'calc', '--store', 'here', '--dir', './data::/data')
  again.write('two\n')
  await again.says('has one,two,')
  expect(await again.end()).toMatchObject({ code: 7 })
})

test('What is refused there after it was stopped goes on where it ran, and has written everything once', async () => {
  await places.serve(0, ['--dir', './empty::/data'])
  const running = await begin()
  const refused = await migrate()
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_FILE_MISSING') })
  await running.says('calc did not move, and goes on here.', 'err')
  await goesOnHere(running)
  expect(existsSync(inPlace('empty/log.txt'))).toBe(false)
})

test('A session whose move failed can be moved again', async () => {
  await places.serve(0, ['--dir', './empty::/data'])
  const running = await begin()
  expect(await migrate()).toMatchObject({ code: 1 })
  await running.says('goes on here', 'err')
  running.write('two\n')
  await running.says('has one,two,')
  expect(await migrate('--files', 'restore')).toMatchObject({ code: 0 })
  expect(await running.finished).toMatchObject({ code: 75 })
  await goesOnThere('one', 'two')
  expect(readFileSync(inPlace('empty/log.txt'), 'utf8')).toBe('one\ntwo\nmore\n')
})

test('Files are put into a directory of the server where the sender says so, and only where it is granted for writing', async () => {
  const server = await places.serve(0, ['--dir', './empty::/data:ro'])
  const { port } = new URL(places.url)
  const running = await begin()
  const refused = await migrate('--files', 'restore')
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('granted there for reading only') })
  expect(running.err).toBe('')
  server.child.kill('SIGTERM')
  await server.finished
  await places.serve(Number(port), ['--dir', './empty::/data'])
  expect(await migrate('--files', 'restore')).toMatchObject({ code: 0 })
  await goesOnThere('one')
  expect(readFileSync(inPlace('empty/log.txt'), 'utf8')).toBe('one\nmore\n')
  expect(readFileSync(inPlace('data/log.txt'), 'utf8')).toBe('one\n')
})

test('Files of the server are taken as they are where the sender says so', async () => {
  writeFileSync(inPlace('empty/log.txt'), 'ONE\n')
  await places.serve(0, ['--dir', './empty::/data'])
  await begin()
  expect(await migrate('--files', 'keep')).toMatchObject({ code: 0 })
  await goesOnThere('ONE')
})

test('A directory that the server grants and the session does not know is no hindrance', async () => {
  await places.serve(0, ['--dir', './empty::/other'])
  await begin('--mem', '/data')
  expect(await migrate()).toMatchObject({ code: 0 })
  await goesOnThere('one')
})

test('What went on in memory stays there on a server that grants a directory of that name', async () => {
  const server = await places.serve(0, [])
  const { port } = new URL(places.url)
  await begin()
  expect(await migrate()).toMatchObject({ code: 0 })
  server.child.kill('SIGTERM')
  await server.finished
  await places.serve(Number(port), ['--dir', './empty::/data'])
  const there = places.here.start('attach', '--start', `${places.url}/calc`)
  there.write('two\n')
  await there.says('has one,two,')
  expect(await there.end()).toMatchObject({ code: 7 })
})
