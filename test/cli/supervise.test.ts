import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { reportEvents } from '../../host-node/cli/report-events.ts'
import { type SuperviseOptions, supervise } from '../../host-node/cli/supervise.ts'
import type { Terminal } from '../../host-node/cli/terminal.ts'
import { control, listRunning } from '../../host-node/control/client.ts'
import type { CheckpointOptions } from '../../runtime/session/checkpoint-requests.ts'
import type { CheckpointInfo, Outcome } from '../../runtime/session/outcome.ts'
import { TrapError } from '../../runtime/session/packed-error.ts'
import { StasisError } from '../../wasm-shim/errors.ts'

let said: string[] = []
let scratch = ''
const before = process.env.TMPDIR

beforeEach(() => {
  said = []
  scratch = mkdtempSync(join(before ?? tmpdir(), 's-'))
  process.env.TMPDIR = scratch
})
afterEach(() => {
  rmSync(scratch, { recursive: true })
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
})

const terminal: Terminal = {
  out: () => expect.unreachable('stdout is the guest’s'),
  err: (line) => void said.push(line),
  columns: 80,
  interactive: false,
  style: (_, text) => text,
}

const defaults: SuperviseOptions = {
  storeId: '/a/store',
  module: 'calc.wasm',
  terminal,
  signal: 'SIGUSR2',
  stopOnSignal: true,
  stopAfterSnapshot: false,
  preparing: 'Preparing calc.wasm…',
  resume: (name) => ['stasis', 'restore', name, '--dir', './my data::/data'],
}

/** A session that can be checkpointed at once, and ends when told or when a checkpoint says stop. */
function fakeSession(refusal?: Error) {
  let end: (outcome: Outcome) => void = () => {}
  const taken: CheckpointOptions[] = []
  return {
    name: 'calc',
    taken,
    done: new Promise<Outcome>((resolve) => {
      end = resolve
    }),
    checkpoint: async (request: CheckpointOptions = {}) => {
      if (refusal) throw refusal
      taken.push(request)
      const rest = { session: 'calc', cause: 'x', time: 0, calls: 0, pause: 0 }
      const checkpoint: CheckpointInfo = { ...rest, version: taken.length, size: 2500, added: 2500 }
      if (request.stop) end({ kind: 'suspended', checkpoint })
      return checkpoint
    },
    terminate: async (code = 0) => end({ kind: 'exited', code }),
    end: (outcome: Outcome) => end(outcome),
  }
}
const run = (session: ReturnType<typeof fakeSession>, options: Partial<SuperviseOptions> = {}) =>
  supervise(async () => session, { ...defaults, ...options })

const listening = () => vi.waitFor(async () => expect(await listRunning('/a/store')).toHaveLength(1))

test('the guest’s exit code is ours, and nothing is said', async () => {
  const session = fakeSession()
  session.end({ kind: 'exited', code: 42 })
  expect(await run(session)).toBe(42)
  expect(said).toEqual([])
  expect(await listRunning('/a/store')).toEqual([])
})

test('a trap is 134 and told', async () => {
  const session = fakeSession()
  const cause = new Error('unreachable')
  cause.stack = 'x\n at inner (wasm://wasm/1:wasm-function[1]:0x2)\n at js (a.js)\n at outer (wasm://x)'
  session.end({ kind: 'trapped', error: new TrapError(cause) })
  expect(await run(session)).toBe(134)
  expect(said).toEqual(['stasis: The guest trapped: unreachable\n        at inner\n        at outer'])
})

test('the signal takes a checkpoint, stops, prints a command that can be pasted, and the code is 75', async () => {
  const session = fakeSession()
  const code = run(session)
  await listening()
  process.emit('SIGUSR2')
  expect(await code).toBe(75)
  expect(session.taken).toEqual([{ cause: 'signal', stop: true }])
  expect(said).toEqual([
    'stasis: Checkpoint 1 of calc is saved (2.5 KB).',
    "        Resume with: stasis restore calc --dir './my data::/data'",
  ])
  expect(process.listenerCount('SIGUSR2')).toBe(0)
})

test('with --snapshot-on signal the guest goes on', async () => {
  const session = fakeSession()
  const code = run(session, { stopOnSignal: false })
  await listening()
  process.emit('SIGUSR2')
  await vi.waitFor(() => expect(said).toEqual(['stasis: Checkpoint 1 of calc is saved (2.5 KB).']))
  session.end({ kind: 'exited', code: 0 })
  expect(await code).toBe(0)
})

test('another process takes a checkpoint and learns how to resume', async () => {
  const session = fakeSession()
  const code = run(session)
  await listening()
  expect(await control('/a/store', 'calc', 'checkpoint', { stop: false, label: 'lunch' })).toEqual({
    name: 'calc',
    version: 1,
    size: 2500,
    stopped: false,
    resume: ['stasis', 'restore', 'calc', '--dir', './my data::/data'],
  })
  expect(await control('/a/store', 'calc', 'checkpoint', { stop: true })).toMatchObject({ version: 2, stopped: true })
  expect(await code).toBe(75)
  expect(session.taken).toEqual([{ stop: false, label: 'lunch' }, { stop: true }])
})

test('--stop-after-snapshot makes every checkpoint the last', async () => {
  const session = fakeSession()
  const code = run(session, { stopAfterSnapshot: true, interval: 20 })
  expect(await code).toBe(75)
  expect(session.taken).toEqual([{ cause: 'interval', stop: true }])
})

test('the interval takes one checkpoint after the other', async () => {
  const session = fakeSession()
  const code = run(session, { interval: 10 })
  await vi.waitFor(() => expect(session.taken.length).toBeGreaterThan(2))
  session.end({ kind: 'exited', code: 0 })
  expect(await code).toBe(0)
  expect(said).toEqual([])
})

test('a signal is heard while a checkpoint of the interval is under way', async () => {
  const session = fakeSession()
  const { checkpoint } = session
  const stuck = {
    ...session,
    checkpoint: async (request: CheckpointOptions = {}) => {
      if (request.cause === 'interval') session.taken.push(request)
      return request.cause === 'interval' ? new Promise<never>(() => {}) : checkpoint(request)
    },
  }
  const code = run(stuck, { interval: 10 })
  await vi.waitFor(() => expect(session.taken).toHaveLength(1))
  process.emit('SIGUSR2')
  expect(await code).toBe(75)
  expect(session.taken.map((request) => request.cause)).toEqual(['interval', 'signal'])
})

test('a refused checkpoint is told with its reason and the guest goes on', async () => {
  const session = fakeSession(new StasisError('STASIS_REFUSED', 'A socket is open.'))
  const code = run(session)
  await listening()
  process.emit('SIGUSR2')
  await vi.waitFor(() => expect(said).toEqual(['stasis: No checkpoint was taken. A socket is open.']))
  await expect(control('/a/store', 'calc', 'checkpoint', { stop: true })).rejects.toMatchObject({
    code: 'STASIS_REFUSED',
  })
  session.end({ kind: 'exited', code: 0 })
  expect(await code).toBe(0)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s ends the guest with %i', async (signal, expected) => {
  const session = fakeSession()
  const code = run(session)
  await listening()
  process.emit(signal)
  expect(await code).toBe(expected)
})

test('signals that arrive while the session starts are not lost', async () => {
  const session = fakeSession()
  let begin: () => void = () => {}
  const beginning = new Promise<void>((resolve) => {
    begin = resolve
  })
  const code = supervise(async () => {
    await beginning
    return session
  }, defaults)
  process.emit('SIGUSR2')
  begin()
  expect(await code).toBe(75)
  const never = supervise(() => new Promise(() => {}), defaults)
  process.emit('SIGINT')
  expect(await never).toBe(130)
})

test('a start that fails is the caller’s error and leaves no handler behind', async () => {
  await expect(supervise(() => Promise.reject(new Error('no')), defaults)).rejects.toThrow('no')
  expect(process.listenerCount('SIGUSR2')).toBe(0)
  expect(process.listenerCount('SIGINT')).toBe(0)
})

test('without a place for the control socket the session runs, and says what is missing', async () => {
  const deep = join(scratch, 'd'.repeat(60))
  mkdirSync(deep)
  process.env.TMPDIR = deep
  const session = fakeSession()
  const code = run(session)
  await vi.waitFor(() => expect(said).toHaveLength(1))
  expect(said[0]).toContain('Other processes cannot reach this session. The path of')
  session.end({ kind: 'exited', code: 0 })
  expect(await code).toBe(0)
})

test('a trigger whose checkpoint is refused is told, one that somebody asked for is told to him', () => {
  const tell = reportEvents(terminal)
  const error = new StasisError('STASIS_REFUSED', 'A socket is open.')
  tell({ kind: 'refused', cause: 'idle', error })
  tell({ kind: 'refused', cause: 'request', error })
  tell({ kind: 'state', state: 'running' })
  expect(said).toEqual(['stasis: No checkpoint was taken. A socket is open.'])
})

test('output that may be seen twice is told, also where a checkpoint stands right before it', () => {
  const tell = reportEvents(terminal)
  tell({ kind: 'recovered', from: 7, to: 7, stdinRead: 0 })
  expect(said).toEqual([])
  tell({ kind: 'recovered', from: 7, to: 7, stdinRead: 0, repeated: 'fd_write' })
  expect(said).toEqual([expect.stringContaining('What the last fd_write wrote may be seen twice.')])
})

test('torture tells how often the guest went on elsewhere', async () => {
  const session = fakeSession()
  session.end({ kind: 'exited', code: 0, torture: { restores: 12, refused: 1, reason: 'Too deep.' } })
  await run(session)
  expect(said).toEqual([
    'stasis: Torture: went on in a fresh instance 12 times; refused 1 time, first because: Too deep.',
  ])
})

test('on a terminal what is said begins on a line of its own, and a slow start is explained', async () => {
  const session = fakeSession()
  const slowly = async () => {
    await new Promise((resolve) => setTimeout(resolve, 900))
    return session
  }
  const code = supervise(slowly, { ...defaults, terminal: { ...terminal, interactive: true } })
  await listening()
  process.emit('SIGUSR2')
  expect(await code).toBe(75)
  expect(said.slice(0, 3)).toEqual([
    'stasis: Preparing calc.wasm…',
    '',
    'stasis: Checkpoint 1 of calc is saved (2.5 KB).',
  ])
})
