import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { controlPath } from '../../host-node/control/address.ts'
import { control, listRunning } from '../../host-node/control/client.ts'
import { type ControlHandlers, ControlServer } from '../../host-node/control/server.ts'
import { StasisError } from '../../wasm-shim/errors.ts'

const store = '/some/where/.stasis'
let servers: ControlServer[] = []
let scratch = ''
const before = process.env.TMPDIR

beforeEach(() => {
  scratch = mkdtempSync(join(before ?? tmpdir(), 'c-'))
  process.env.TMPDIR = scratch
})

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  servers = []
  rmSync(scratch, { recursive: true })
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
})

async function serve(name: string, checkpoint: ControlHandlers['checkpoint'] = async () => Promise.reject()) {
  const status = () => ({ name, pid: process.pid, module: `${name}.wasm`, started: 7 })
  const server = await ControlServer.listen(store, name, { status, checkpoint })
  servers.push(server)
  return server
}

test('a request reaches the session of that name and its result comes back', async () => {
  await serve('other')
  await serve('calc', async ({ stop, label }) => ({
    name: 'calc',
    version: 3,
    size: 12,
    stopped: stop,
    resume: ['stasis', 'restore', label ?? ''],
  }))
  expect(await control(store, 'calc', 'checkpoint', { stop: true, label: 'before lunch' })).toEqual({
    name: 'calc',
    version: 3,
    size: 12,
    stopped: true,
    resume: ['stasis', 'restore', 'before lunch'],
  })
})

test('an error of the session arrives with its code and fields', async () => {
  await serve('calc', () => Promise.reject(new StasisError('STASIS_REFUSED', 'No.', { call: 12 })))
  await expect(control(store, 'calc', 'checkpoint', { stop: false })).rejects.toMatchObject({
    code: 'STASIS_REFUSED',
    message: 'No.',
    fields: { call: 12 },
  })
})

test('asking for a session that does not run names those that do', async () => {
  await serve('calc')
  await expect(control(store, 'clac', 'status', {})).rejects.toMatchObject({
    code: 'STASIS_NOT_RUNNING',
    message: expect.stringContaining('Running: calc.'),
  })
  await expect(control('/elsewhere', 'calc', 'status', {})).rejects.toMatchObject({
    message: expect.stringContaining('None is.'),
  })
})

test('sessions of one store are listed by name, those of another are not', async () => {
  await serve('b')
  await serve('a')
  expect((await listRunning(store)).map((status) => status.name)).toEqual(['a', 'b'])
  expect(await listRunning('/elsewhere')).toEqual([])
})

test('the socket is private to its owner and goes away with the session', async () => {
  const server = await serve('calc')
  expect(statSync(dirname(server.path)).mode & 0o777).toBe(0o700)
  expect(statSync(server.path).mode & 0o777).toBe(0o600)
  await server.close()
  expect(readdirSync(dirname(server.path))).toEqual([])
})

test('a directory that others can enter is refused', async () => {
  mkdirSync(join(scratch, `stasis-${process.getuid?.() ?? 0}`), { mode: 0o755 })
  await expect(serve('calc')).rejects.toMatchObject({ code: 'STASIS_CONTROL_UNSAFE' })
})

test('a second session of the same name is refused while the first lives', async () => {
  await serve('calc')
  await expect(serve('calc')).rejects.toMatchObject({
    code: 'STASIS_SESSION_RUNNING',
    fields: { session: 'calc', pid: process.pid },
  })
})

test('a dead session’s socket is replaced, and removed by whoever lists', async () => {
  const leaveStaleSocket = async (name: string) => {
    const path = controlPath(store, name)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // Closing removes a server's socket; the second link is what a killed process leaves.
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve))
    linkSync(`${path}.live`, path)
    await new Promise((resolve) => server.close(resolve))
    return path
  }
  const path = await leaveStaleSocket('dead')
  expect(statSync(path).isSocket()).toBe(true)
  expect(await listRunning(store)).toEqual([])
  expect(() => statSync(path)).toThrow()
  await leaveStaleSocket('calc')
  await serve('calc')
  expect((await listRunning(store)).map((status) => status.name)).toEqual(['calc'])
})

test('nonsense on the socket ends that connection and harms nobody', async () => {
  const server = await serve('calc')
  for (const nonsense of ['GET / HTTP/1.1\r\n\r\n', '[1', '\n', 'x'.repeat(200_000)]) {
    const socket = connect(server.path)
    socket.on('error', () => {})
    socket.write(`${nonsense}\n`)
    await new Promise((resolve) => socket.once('close', resolve))
  }
  await expect(control(store, 'calc', 'nothing' as 'status', {})).rejects.toMatchObject({
    code: 'STASIS_CONTROL_OPERATION',
  })
  expect(await control(store, 'calc', 'status', {})).toMatchObject({ name: 'calc' })
})

test('closing while a checkpoint is under way still delivers its answer', async () => {
  let finish: () => void = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const server = await serve('calc', async () => {
    await finished
    return { name: 'calc', version: 1, size: 1, stopped: true, resume: [] }
  })
  const asked = control(store, 'calc', 'checkpoint', { stop: true })
  await control(store, 'calc', 'status', {})
  const closed = server.close()
  finish()
  expect(await asked).toMatchObject({ version: 1 })
  await closed
})

test('waiting for an answer can be given up', async () => {
  await serve('calc', () => new Promise(() => {}))
  const asked = control(store, 'calc', 'checkpoint', { stop: false }, AbortSignal.timeout(50))
  await expect(asked).rejects.toThrow()
})

test('a temporary directory too deep for a socket is reported with the remedy', () => {
  process.env.TMPDIR = `/${'deep/'.repeat(20)}`
  expect(() => controlPath(store, 'calc')).toThrow(/TMPDIR/)
})
