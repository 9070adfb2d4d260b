import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { listVersions } from '../../runtime/store/checkpoints.ts'
import { damageVersion } from '../support/damage-version.ts'
import { Workplace } from './processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.close())

const stored = () => (existsSync(join(place.directory, '.stasis')) ? readdirSync(join(place.directory, '.stasis')) : [])

test('the exit code is the guest’s, its arguments are what stands behind the module, and nothing is left behind', async () => {
  expect(await place.run('run', 'args.wasm', '--name', '-h', '--', 'x')).toEqual({
    code: 5,
    signal: null,
    out: '',
    err: '',
  })
  expect(await place.run('run', 'args.wasm', '--', '--help')).toMatchObject({ code: 2 })
  expect(stored()).toEqual([])
})

test('the guest sees the variables it is given, inherited ones by name, and no others', async () => {
  const { out } = await place.run('run', '--env', 'A=b=c', '--env', 'GREETING', '--env', 'NOT_SET', 'env.wasm')
  expect(out).toBe('A=b=c\0GREETING=hello\0')
})

test('a trap exits with 134 and shows the guest’s functions', async () => {
  const { code, out, err } = await place.run('run', 'trap.wasm')
  expect([code, out]).toEqual([134, ''])
  expect(err).toMatch(/^stasis: The guest trapped: unreachable\n.*at inner\n.*at outer\n/)
})

test.each([
  [['run', '--dri', 'x', 'args.wasm'], 2, 'Unknown option --dri. Did you mean --dir?'],
  [['run', 'nowhere.wasm'], 1, 'Cannot read the module nowhere.wasm: it does not exist. [STASIS_FILE]'],
  [['run', '--dir', './nowhere::/x', 'args.wasm'], 1, 'Cannot grant --dir ./nowhere::/x'],
  [['run', '--name', '../x', 'args.wasm'], 2, 'STASIS_SESSION_NAME'],
  [['run', 'foreign.wasm'], 1, 'env.magic'],
  [['run', 'text.wasm'], 1, 'STASIS_MODULE_MALFORMED'],
  [['restore', 'nobody'], 1, 'There is no session named nobody. The store is empty'],
  [['checkpoint', 'nobody'], 1, 'No session "nobody" of this store is running. None is.'],
  [['args.wasm'], 2, 'stasis run args.wasm'],
  [['rnu', 'args.wasm'], 2, 'Did you mean stasis run?'],
  [['ls', '--store', 'ftp://x'], 2, 'STASIS_STORE_URL'],
] as const)('%j is refused with exit code %i and a sentence', async (argv, expected, sentence) => {
  writeFileSync(join(place.directory, 'text.wasm'), 'hello')
  const { code, out, err } = await place.run(...argv)
  expect(err).toContain(sentence)
  expect(err).not.toContain('fault of stasis')
  expect([code, out]).toEqual([expected, ''])
  expect(stored()).toEqual([])
})

test('without a command the overview is on stderr; help is on stdout', async () => {
  expect(await place.run()).toMatchObject({ code: 2, out: '', err: expect.stringContaining('A first try') })
  expect(await place.run('--help')).toMatchObject({ code: 0, err: '', out: expect.stringContaining('A first try') })
  expect(await place.run('run', '--help')).toMatchObject({
    code: 0,
    out: expect.stringContaining('--snapshot-interval'),
  })
  expect((await place.run('--version')).out).toMatch(/^stasis \d+\.\d+\.\d+\n$/)
})

test('sessions without a name get different ones even when started at once', async () => {
  const sessions = ['a\n', 'b\n', 'c\n'].map((input) => ({ input, stasis: place.start('run', 'echo.wasm') }))
  await Promise.all(sessions.map(({ stasis }) => stasis.says('ready')))
  const listed: { name: string }[] = JSON.parse((await place.run('ls', '--json')).out)
  expect(listed.map(({ name }) => name)).toEqual(['echo-1', 'echo-2', 'echo-3'])
  for (const { input, stasis } of sessions) expect(await stasis.end(input)).toMatchObject({ code: 1, err: '' })
})

test('Ctrl-Z while the guest waits for stdin: 75, and the printed command resumes it in a new process', async () => {
  mkdirSync(join(place.directory, 'my data'))
  const first = place.start('run', '--name', 'calc', '--dir', './my data::/data:ro', 'echo.wasm')
  await first.says('ready')
  first.write('one\ntwo\n')
  await first.says('two')
  first.child.kill('SIGTSTP')
  const { code, out, err } = await first.finished
  expect([code, out]).toEqual([75, 'ready\none\ntwo\n'])
  expect(err).toMatch(/^stasis: Checkpoint 1 of calc is saved \([\d.]+ KB\)\.\n/)
  const command = /Resume with: (.*)\n/.exec(err)?.[1] ?? ''
  expect(command).toContain("restore calc --dir './my data::/data:ro'")
  const second = spawnSync('sh', ['-c', command.replace(/^node/, `'${process.execPath}'`)], {
    cwd: place.directory,
    input: 'three\n',
    encoding: 'utf8',
  })
  expect([second.status, second.stdout, second.stderr]).toEqual([3, 'three\n', ''])
  expect(stored()).toEqual([])
})

test('a checkpoint from another process while the guest waits for stdin, and it goes on', async () => {
  const session = place.start('run', '--name', 'calc', '--keep', 'echo.wasm')
  await session.says('ready')
  expect((await place.run('ls')).out).toMatch(/calc +0 .* running, process \d+/)
  expect((await place.run('inspect', 'calc')).out).toMatch(/checkpoints +none yet/)
  const taken = JSON.parse((await place.run('checkpoint', 'calc', '--label', 'lunch', '--json')).out)
  expect(taken).toMatchObject({ name: 'calc', version: 1, stopped: false })
  expect((await place.run('inspect', 'calc', '--store', '.stasis')).code).toBe(0)
  expect((await place.run('checkpoint', 'clac')).err).toContain('Running: calc.')
  expect((await place.run('rm', 'calc')).err).toContain('STASIS_SESSION_BUSY')
  expect((await place.run('run', '--name', 'calc', 'echo.wasm')).err).toContain('STASIS_SESSION_BUSY')
  expect(await session.end('a\nb\n')).toMatchObject({ code: 2, out: 'ready\na\nb\n', err: '' })
  const [listed] = JSON.parse((await place.run('ls', '--json')).out)
  expect(listed).toMatchObject({ name: 'calc', state: 'suspended', versions: [{ label: 'lunch', cause: 'request' }] })
  const report = JSON.parse((await place.run('inspect', 'calc', '--json')).out)
  expect(report.stacks[0]).toMatchObject({ entry: '_start', call: 'fd_read' })
  expect(report.stacks[0].frames.map((frame: { name: string }) => frame.name)).toEqual(['pump', '_start'])
  expect(await place.start('restore', 'calc', '--keep').end('c\n')).toMatchObject({ code: 1, out: 'c\n' })
  expect((await place.run('rm', 'calc')).out).toBe('Removed calc: 1 version.\n')
  expect(stored()).toEqual([])
})

test('a guest that computes is stopped in mid-loop and ends with the right sum in another process', async () => {
  const session = place.start('run', '--name', 'sum', 'compute.wasm')
  await session.says('ready')
  expect(await place.run('checkpoint', 'sum', '--stop')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/The session has stopped\.\nResume with: .* restore sum\n/),
  })
  expect(await session.finished).toMatchObject({ code: 75, out: 'ready\n' })
  expect((await place.run('inspect', 'sum')).out).toMatch(/about to call a poll in a loop\n +0 +work\n +1 +_start/)
  expect(await place.run('restore', 'sum')).toMatchObject({ code: 7, out: 'sum ok\n', err: '' })
})

test('a guest that sleeps is caught at once and sleeps only for the rest', async () => {
  const session = place.start('run', 'sleep.wasm')
  await session.says('ready')
  expect(await place.run('checkpoint', 'sleep-1', '--stop')).toMatchObject({ code: 0 })
  expect(await session.finished).toMatchObject({ code: 75, out: 'ready\n' })
  expect((await place.run('inspect', 'sleep-1')).out).toContain('about to call poll_oneoff')
  expect(await place.run('restore', 'sleep-1')).toMatchObject({ code: 0, out: 'woke\n' })
})

test('--signal and --snapshot-on signal: a checkpoint by SIGUSR2, and the guest goes on', async () => {
  const session = place.start('run', '--signal', 'usr2', '--snapshot-on', 'signal', '--keep', 'echo.wasm')
  await session.says('ready')
  session.child.kill('SIGUSR2')
  await session.says('Checkpoint 1 of echo-1 is saved', 'err')
  expect(await session.end('x\n')).toMatchObject({ code: 1 })
  expect(await place.start('restore', 'echo-1@1').end('y\nz\n')).toMatchObject({ code: 2, out: 'y\nz\n' })
})

test('--snapshot-on first-stdin --stop-after-snapshot boots once; each restore is a fresh start from there', async () => {
  const boot = ['--snapshot-on', 'first-stdin', '--stop-after-snapshot', '--name', 'booted', 'echo.wasm']
  expect(await place.run('run', ...boot)).toMatchObject({ code: 75, out: 'ready\n' })
  for (const input of ['1\n', '1\n2\n'])
    expect(await place.start('restore', 'booted', '--keep').end(input)).toMatchObject({ out: input })
})

test('--snapshot-interval takes checkpoints of a computing guest, which a kill then does not lose', async () => {
  const session = place.start('run', '--snapshot-interval', '100ms', '--name', 'sum', 'compute.wasm')
  await session.says('ready')
  const store = new FileStore(join(place.directory, '.stasis'))
  while ((await listVersions(store, 'sum')).length < 2) {
    expect(session.child.exitCode, session.err).toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  session.child.kill('SIGKILL')
  await session.finished
  const [listed] = JSON.parse((await place.run('ls', '--json')).out)
  expect(listed).toMatchObject({ name: 'sum', state: 'suspended' })
  expect((await place.run('checkpoint', 'sum')).err).toContain('No session "sum" of this store is running.')
  expect(await place.run('restore', 'sum')).toMatchObject({ code: 7, out: 'sum ok\n', err: '' })
})

test('--torture goes on in fresh instances with the same output', async () => {
  const { code, out, err } = await place.start('run', '--torture', '1', 'echo.wasm').end('a\nb\n')
  expect([code, out]).toEqual([2, 'ready\na\nb\n'])
  expect(err).toMatch(/^stasis: Torture: went on in a fresh instance \d+ times\.\n$/)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends a guest that never makes a call with %i', async (signal, code) => {
  const session = place.start('run', '--polls', 'none', 'spin.wasm')
  await session.says('ready')
  session.child.kill(signal)
  expect(await session.finished).toMatchObject({ code, out: 'ready\n', err: '' })
  // Who types Ctrl-C is done with it; another signal may be the machine's shutting down.
  const left = JSON.parse((await place.run('ls', '--json')).out)
  expect(left).toMatchObject(signal === 'SIGINT' ? [] : [{ state: 'interrupted', versions: [] }])
  expect(left).toHaveLength(signal === 'SIGINT' ? 0 : 1)
})

test('a guest without polls cannot be stopped in a loop, and whoever asks is told why it takes so long', async () => {
  const session = place.start('run', '--polls', 'none', '--name', 'spin', 'spin.wasm')
  await session.says('ready')
  const { code, err } = await place.run('checkpoint', 'spin', '--timeout', '300ms')
  expect(code).toBe(1)
  expect(err).toMatch(/STASIS_TIMEOUT/)
  expect(err).toContain('--polls=all')
})

test('a directory whose files were left out must be granted again, and the message says how', async () => {
  mkdirSync(join(place.directory, 'data'))
  const session = place.start('run', '--dir', 'data::/data', '--max-file-bytes', '0', '--name', 'calc', 'echo.wasm')
  await session.says('ready')
  session.child.kill('SIGTSTP')
  await session.finished
  const refused = await place.run('restore', 'calc')
  expect(refused.code).toBe(1)
  expect(refused.err).toContain('--dir')
  expect(refused.err).toContain('STASIS_MOUNT_NOT_GRANTED')
  expect((await place.run('restore', 'clac')).err).toContain('Did you mean calc?')
  expect(await place.run('restore', 'calc', '--dir', 'data::/data')).toMatchObject({ code: 0 })
})

test('a directory that is not granted again goes on in memory, and the message says so', async () => {
  mkdirSync(join(place.directory, 'data'))
  const session = place.start('run', '--dir', 'data::/data', '--mem', '/tmp', '--name', 'calc', 'echo.wasm')
  await session.says('ready')
  session.child.kill('SIGTSTP')
  await session.finished
  const restored = await place.run('restore', 'calc', '--keep')
  expect(restored.code).toBe(0)
  expect(restored.err).toMatch(/\/data was a directory of the host.*in memory.*--dir HOST::\/data/)
  expect((await place.run('files', 'calc')).out).toContain('no files')
})

test('a damaged image is refused with a sentence that names the file, and the newest state is that of the version before', async () => {
  const session = place.start('run', '--name', 'calc', 'echo.wasm')
  await session.says('ready')
  await place.run('checkpoint', 'calc')
  await place.run('checkpoint', 'calc', '--stop')
  await session.finished
  const image = join(place.directory, '.stasis/sessions/calc/checkpoints.ckp')
  writeFileSync(image, damageVersion(readFileSync(image), 2))
  const { code, err } = await place.run('restore', 'calc@2')
  expect(code).toBe(1)
  expect(err).toContain(image)
  expect(err).toMatch(/STASIS_IMAGE_DAMAGED/)
  const restored = await place.start('restore', 'calc').end('x\n')
  expect(restored).toMatchObject({ code: 1, out: 'x\n' })
  expect(restored.err).toContain(image)
  expect(restored.err).toContain('going on from calc@1')
})

test('a checkpoint takes files along, and its files are taken out of it', async () => {
  mkdirSync(join(place.directory, 'data'))
  writeFileSync(join(place.directory, 'data/below.txt'), 'below')
  const session = place.start('run', '--dir', 'data::/data:overlay', '--name', 'calc', 'echo.wasm')
  await session.says('ready')
  expect(await place.run('checkpoint', 'calc', '--without-files')).toMatchObject({ code: 0 })
  expect(await place.run('checkpoint', 'calc', '--stop')).toMatchObject({ code: 0 })
  await session.finished
  const lean = JSON.parse((await place.run('inspect', 'calc@1', '--json')).out)
  expect(lean.files).toMatchObject({ content: 'left out', complete: true, files: [] })
  const whole = JSON.parse((await place.run('inspect', 'calc', '--json')).out)
  expect(whole.files).toMatchObject({ content: 'carried', size: 0 })
  expect(whole.mounts).toMatchObject([{ guest: '/data', kind: 'overlay', source: 'data', moves: 'moves if granted' }])
  expect(whole.grants).toEqual(['data::/data:overlay'])
  expect((await place.run('inspect', 'calc')).out).toMatch(/\/data +overlay +data +moves if granted/)
  expect((await place.run('files', 'calc', 'cat', '/data/none')).err).toContain('STASIS_FILE_MISSING')
  expect((await place.run('files', 'calc', 'mv', 'x')).code).toBe(2)
  expect((await place.run('restore', 'calc', '--dir', 'data::/data')).err).toContain('STASIS_MOUNT_KIND')
  expect(await place.run('restore', 'calc', '--dir', 'data::/data:overlay')).toMatchObject({ code: 0 })
})
