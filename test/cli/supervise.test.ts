import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  type CheckpointRequest,
  type Outcome,
  type SuperviseOptions,
  supervise,
} from '../../host-node/cli/supervise.ts'
import type { Terminal } from '../../host-node/cli/terminal.ts'
import { control, listRunning } from '../../host-node/control/client.ts'
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
  resume: ['stasis', 'restore', 'calc', '--dir', './my data::/data'],
}

/** A session that can be checkpointed at once, and ends when told or when a checkpoint says stop. */
function fakeSession(refusal?: Error) {
  let end: (outcome: Outcome) => void = () => {}
  const taken: CheckpointRequest[] = []
  const session = {
    name: 'calc',
    terminated: false,
    taken,
    done: new Promise<Outcome>((resolve) => {
      end = resolve
    }),
    checkpoint: async (request: CheckpointRequest) => {
      if (refusal) throw refusal
      taken.push(request)
      const checkpoint = { version: taken.length, size: 2500 }
      if (request.stop) end({ kind: 'suspended', checkpoint })
      return checkpoint
    },
    terminate: async () => {
      session.terminated = true
    },
    end: (outcome: Outcome) => end(outcome),
  }
  return session
}

const listening = () => vi.waitFor(async () => expect(await listRunning('/a/store')).toHaveLength(1))

test('the guest’s exit code is ours, and nothing is said', async () => {
  const session = fakeSession()
  session.end({ kind: 'exited', code: 42 })
  expect(await supervise(session, defaults)).toBe(42)
  expect(said).toEqual([])
  expect(await listRunning('/a/store')).toEqual([])
})

test('a trap is 134 and told', async () => {
  const session = fakeSession()
  session.end({ kind: 'trapped', error: new Error('unreachable') })
  expect(await supervise(session, defaults)).toBe(134)
  expect(said).toEqual(['stasis: The guest trapped: unreachable.'])
})

test('the signal takes a checkpoint, stops, prints a command that can be pasted, and the code is 75', async () => {
  const session = fakeSession()
  const code = supervise(session, defaults)
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
  const code = supervise(session, { ...defaults, stopOnSignal: false })
  await listening()
  process.emit('SIGUSR2')
  await vi.waitFor(() => expect(said).toEqual(['stasis: Checkpoint 1 of calc is saved (2.5 KB).']))
  session.end({ kind: 'exited', code: 0 })
  expect(await code).toBe(0)
})

test('another process takes a checkpoint and learns how to resume', async () => {
  const session = fakeSession()
  const code = supervise(session, defaults)
  await listening()
  expect(await control('/a/store', 'calc', 'checkpoint', { stop: false, label: 'lunch' })).toEqual({
    name: 'calc',
    version: 1,
    size: 2500,
    stopped: false,
    resume: defaults.resume,
  })
  expect(await control('/a/store', 'calc', 'checkpoint', { stop: true })).toMatchObject({ version: 2, stopped: true })
  expect(await code).toBe(75)
  expect(session.taken).toEqual([
    { cause: 'request', stop: false, label: 'lunch' },
    { cause: 'request', stop: true },
  ])
})

test('--stop-after-snapshot makes every checkpoint the last', async () => {
  const session = fakeSession()
  const code = supervise(session, { ...defaults, stopAfterSnapshot: true, interval: 20 })
  expect(await code).toBe(75)
  expect(session.taken).toEqual([{ cause: 'interval', stop: true }])
})

test('the interval takes one checkpoint after the other', async () => {
  const session = fakeSession()
  const code = supervise(session, { ...defaults, interval: 10 })
  await vi.waitFor(() => expect(session.taken.length).toBeGreaterThan(2))
  session.end({ kind: 'exited', code: 0 })
  expect(await code).toBe(0)
  expect(said).toEqual([])
})

test('a refused checkpoint is told with its reason and the guest goes on', async () => {
  const session = fakeSession(new StasisError('STASIS_REFUSED', 'A socket is open.'))
  const code = supervise(session, defaults)
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
  const code = supervise(session, defaults)
  await listening()
  process.emit(signal)
  expect(await code).toBe(expected)
  expect(session.terminated).toBe(true)
})
