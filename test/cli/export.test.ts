import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workplace } from './processes.ts'

let place: Workplace
let other: Workplace
beforeEach(() => {
  place = new Workplace()
  other = new Workplace()
})
afterEach(() => Promise.all([place.close(), other.close()]))

const path = (name: string) => join(place.directory, name)

/** A session `calc` that was stopped with a checkpoint after it had read a line. */
async function stopped(): Promise<void> {
  const session = place.start('run', '--name', 'calc', 'echo.wasm')
  await session.says('ready')
  session.write('one\n')
  await session.says('one')
  session.child.kill('SIGTSTP')
  expect((await session.finished).code).toBe(75)
}

test('a session goes on from a file in an empty directory, by import or at once', async () => {
  await stopped()
  const { code, out } = await place.run('export', 'calc')
  expect([code, out]).toEqual([0, expect.stringMatching(/^calc is in calc\.stasis \([\d.]+ KB\)\.\n$/)])
  expect(statSync(path('calc.stasis')).mode & 0o777).toBe(0o600)
  copyFileSync(path('calc.stasis'), join(other.directory, 'moved.stasis'))

  expect((await other.run('import', 'moved.stasis', '--name', 'again')).out).toContain('restore again')
  expect(await other.start('restore', 'again').end('two\n')).toMatchObject({ code: 2, out: 'two\n' })
  expect(await other.start('restore', 'moved.stasis').end('two\nthree\n')).toMatchObject({ code: 3 })
  expect(await place.start('restore', 'calc').end('two\n')).toMatchObject({ code: 2, out: 'two\n' })
})

test('the same session gives the same bytes, also on stdout', async () => {
  await stopped()
  await place.run('export', 'calc', '-o', 'a.stasis')
  await place.run('export', 'calc', '-o', 'b.stasis')
  const cli = new URL('../../dist/cli.js', import.meta.url).pathname
  const piped = spawnSync(process.execPath, [cli, 'export', 'calc', '-o', '-'], { cwd: place.directory })
  expect(piped.stdout.length).toBeGreaterThan(1000)
  expect(readFileSync(path('a.stasis')).equals(readFileSync(path('b.stasis')))).toBe(true)
  expect(readFileSync(path('a.stasis')).equals(piped.stdout)).toBe(true)
  const restored = spawnSync(process.execPath, [cli, 'restore', '-'], { cwd: other.directory, input: piped.stdout })
  // Stdin was the file: the program finds its end.
  expect([restored.status, restored.stdout.toString()]).toEqual([1, ''])
})

test('a killed session is exported with its log, and goes on from its last call elsewhere', async () => {
  const session = place.start('run', '--name', 'calc', 'echo.wasm')
  await session.says('ready')
  session.write('one\ntwo\n')
  await session.says('two')
  const refused = await place.run('export', 'calc')
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('STASIS_SESSION_BUSY')])
  session.child.kill('SIGKILL')
  await session.finished
  expect((await place.run('export', 'calc', '-o', 'calc.stasis')).code).toBe(0)
  copyFileSync(path('calc.stasis'), join(other.directory, 'calc.stasis'))
  const restored = await other.start('restore', 'calc.stasis').end('three\n')
  expect(restored).toMatchObject({ code: 3, out: expect.stringMatching(/three\n$/) })
  expect(restored.err).toContain('Rolled forward by the call log')
})

test.each([
  [['import', 'none.stasis'], 1, 'Cannot read the exported session none.stasis'],
  [['import', 'text.stasis'], 1, 'This is not an exported session'],
  [['restore', 'text.stasis'], 1, 'This is not an exported session'],
  [['export', 'nobody'], 1, 'There is no session named nobody'],
  [['import', 'text.stasis', '--name', '../x'], 1, 'STASIS_'],
] as const)('%j is refused with exit code %i and a sentence', async (argv, expected, sentence) => {
  writeFileSync(path('text.stasis'), 'hello, this is no session')
  const { code, out, err } = await place.run(...argv)
  expect([code, out, err]).toEqual([expected, '', expect.stringContaining(sentence)])
  expect(err).not.toContain('fault of stasis')
  expect(existsSync(path('.stasis'))).toBe(false)
})

test('a damaged file leaves a store as it was, and an export that fails leaves the file that was there', async () => {
  await stopped()
  await place.run('export', 'calc')
  const bytes = readFileSync(path('calc.stasis'))
  bytes[bytes.length >> 1]! ^= 1
  mkdirSync(join(other.directory, 'in'))
  writeFileSync(join(other.directory, 'in/calc.stasis'), bytes)
  const { code, err } = await other.run('restore', 'in/calc.stasis')
  expect([code, err]).toEqual([1, expect.stringContaining('STASIS_EXPORT_DAMAGED')])
  expect(existsSync(join(other.directory, '.stasis'))).toBe(false)
  const before = readFileSync(path('calc.stasis'))
  expect((await place.run('export', 'nobody', '-o', 'calc.stasis')).code).toBe(1)
  expect(readFileSync(path('calc.stasis')).equals(before)).toBe(true)
})

test('verify checks every byte of an exported session, and names the first that is wrong', async () => {
  await stopped()
  await place.run('export', 'calc')
  const { code, out } = await place.run('verify', 'calc.stasis')
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(/^calc\.stasis: exported session, of calc, [\d.]+ KB: every byte is as it was written\.\n$/),
  ])
  expect(JSON.parse((await place.run('verify', 'calc.stasis', '--json')).out)).toMatchObject({ session: 'calc' })
  const bytes = readFileSync(path('calc.stasis'))
  bytes[bytes.length - 400]! ^= 1
  writeFileSync(path('bad.stasis'), bytes)
  expect(await place.run('verify', 'bad.stasis')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/damaged at byte \d+.*STASIS_EXPORT_DAMAGED/s),
  })
  writeFileSync(path('cut.stasis'), bytes.subarray(0, 5000))
  expect((await place.run('verify', 'cut.stasis')).err).toContain('STASIS_EXPORT_DAMAGED')
  writeFileSync(path('empty.stasis'), '')
  expect((await place.run('verify', 'empty.stasis')).err).toContain('STASIS_EXPORT_FOREIGN')
})

test('inspect and diff read the checkpoint in an exported session', async () => {
  await stopped()
  await place.run('export', 'calc')
  expect(await place.run('inspect', 'calc.stasis')).toMatchObject({ code: 0, out: expect.stringContaining('fd_read') })
  expect(await place.run('diff', 'calc', 'calc.stasis')).toMatchObject({ code: 0, err: '' })
  writeFileSync(path('no.stasis'), readFileSync(path('calc.stasis')).subarray(0, 1000))
  expect((await place.run('inspect', 'no.stasis')).err).toContain('STASIS_EXPORT_DAMAGED')
})

test('a restore from a file that is refused leaves no session behind, so that it can be given again', async () => {
  await stopped()
  await place.run('export', 'calc')
  const words = ['restore', 'calc.stasis', '--store', 'other'] as const
  expect(await place.run(...words, '--module', 'trap.wasm')).toMatchObject({ code: 1, out: '' })
  expect(JSON.parse((await place.run('ls', '--store', 'other', '--json')).out)).toEqual([])
  expect(await place.start(...words).end('two\n')).toMatchObject({ code: 2, out: 'two\n' })
})
