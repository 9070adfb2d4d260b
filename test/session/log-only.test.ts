import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore } from '../../host-node/open-store.ts'
import { type NodeStartOptions, Session } from '../../host-node/sessions.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import { listVersions } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { loadStart } from '../../runtime/store/start-record.ts'
import type { Store } from '../../runtime/store/store.ts'
import { caseNamed, expectedOutcome } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { busy, counter, echo, letters, lettersOutput, looping, withStart } from './guests.ts'

let directory: string
let store: Store
let output: string
let events: SessionEvent[]
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-log-only-'))
  store = await openStore(`file:${join(directory, '.stasis')}`)
  output = ''
  events = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const streams = () => ({
  stdin: 'empty' as const,
  stdout: (bytes: Uint8Array) => {
    output += new TextDecoder().decode(bytes)
  },
  stderr: () => undefined,
  cache: join(directory, 'cache'),
  onEvent: (event: SessionEvent) => void events.push(event),
})
const options = (module: Uint8Array): NodeStartOptions => ({
  module,
  store,
  name: 'calc',
  engine: 'log-only',
  ...streams(),
})
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('a program runs to its end with the log-only engine, and leaves nothing behind', async () => {
  const session = await Session.start(options(letters))
  expect(session.engine).toBe('log-only')
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(output).toBe(lettersOutput)
  expect(readdirSync(directory)).toEqual(['cache'].filter((name) => readdirSync(directory).includes(name)))
})

test('the calls of a start function reach the terminal', async () => {
  const session = await Session.start(options(withStart))
  expect(await session.done).toEqual({ kind: 'exited', code: 0 })
  expect(output).toBe('sS')
})

test('stopped while it waits for input, it goes on by doing its calls again, and again', async () => {
  const stdin = new PassThrough()
  const session = await Session.start({ ...options(echo), stdin })
  stdin.write('abc')
  await until(() => output.length === 3)
  expect(await session.stop()).toEqual({ kind: 'stopped', calls: 6 })
  expect(session.state).toBe('suspended')
  expect((await loadStart(store, 'calc'))?.engine).toBe('log-only')
  const more = new PassThrough()
  const again = await Session.restore(store, 'calc', { ...streams(), stdin: more })
  expect(again.engine).toBe('log-only')
  expect(again.id).toBe(session.id)
  more.write('de')
  await until(() => output.length === 5)
  expect(await again.stop()).toEqual({ kind: 'stopped', calls: 10 })
  const last = new PassThrough()
  const end = await Session.restore(store, 'calc', { ...streams(), stdin: last })
  last.end('f')
  expect(await end.done).toEqual({ kind: 'exited', code: 0 })
  expect(output).toBe('abcdef')
  expect(events.filter(({ kind }) => kind === 'recovered')).toEqual([
    expect.objectContaining({ from: 0, to: 6, stdinRead: 3 }),
    expect.objectContaining({ from: 0, to: 10, stdinRead: 5 }),
  ])
})

test('input that was taken and not read is counted where it is lost', async () => {
  const session = await Session.start({
    ...options(echo),
    stdin: Buffer.from('abcdef'),
    triggers: [{ kind: 'call', call: 5 }],
    stopAfterSnapshot: true,
  })
  const outcome = await session.done
  expect(outcome).toMatchObject({ kind: 'stopped', calls: 4 })
  expect(output).toBe('ab')
})

test('a program that makes calls without end is stopped, and a checkpoint of it is refused', async () => {
  const session = await Session.start(options(busy))
  await expect(session.checkpoint()).rejects.toMatchObject({ code: 'STASIS_CAPTURE_LOG_ONLY' })
  await expect(session.checkpoint({ stop: true })).rejects.toMatchObject({ code: 'STASIS_CAPTURE_LOG_ONLY' })
  const outcome = await session.stop()
  expect(outcome).toMatchObject({ kind: 'stopped' })
  expect(await listVersions(store, 'calc')).toEqual([])
  await expect(Session.restore(store, 'calc', { ...streams(), name: 'other' })).rejects.toMatchObject({
    code: 'STASIS_CAPTURE_LOG_ONLY',
  })
  const again = await Session.restore(store, 'calc', streams())
  const { calls } = outcome as { calls: number }
  const next = await again.stop()
  expect(next.kind === 'stopped' && next.calls >= calls).toBe(true)
})

test('a loop without calls goes on until the session is ended', async () => {
  const session = await Session.start(options(looping))
  const stop = session.stop().catch((error) => error.code)
  await session.terminate(130)
  expect(await session.done).toEqual({ kind: 'exited', code: 130 })
  expect(await stop).toBe('STASIS_SESSION_ENDED')
})

test('calls of the host are in no log, so a reactor is not stopped', async () => {
  const session = await Session.start(options(counter))
  expect(await session.call('next')).toBe(11)
  await expect(session.stop()).rejects.toMatchObject({ code: 'STASIS_CAPTURE_LOG_ONLY' })
  expect(await session.call('next')).toBe(12)
  await session.end()
})

test('without a log there is no log-only session, and the sentence says what to do', async () => {
  const needsLog = { code: 'STASIS_ENGINE_NEEDS_LOG', message: expect.stringContaining('leave out --no-log') }
  await expect(Session.start({ ...options(letters), log: false })).rejects.toMatchObject(needsLog)
  await expect(Session.start({ ...options(letters), store: new MemoryStore() })).rejects.toMatchObject(needsLog)
  await expect(Session.start({ ...options(letters), torture: 1 })).rejects.toMatchObject({ code: 'STASIS_OPTION' })
  await expect(Session.start({ ...options(letters), engine: 'other' as never })).rejects.toMatchObject({
    code: 'STASIS_OPTION',
  })
})

test('a module that is asked to be instrumented does not fall back', async () => {
  const module = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 3, 1, 0x5f, 0)
  await expect(Session.start({ ...options(module), engine: 'instrumented' })).rejects.toMatchObject({
    code: 'STASIS_MODULE_UNSUPPORTED',
  })
})

const shop = caseNamed('sqlite-shop')
const { available, reason } = program(shop.program)
test.skipIf(!available)(
  `SQLite, stopped every hundred calls, ends as if it had not been${available ? '' : `: ${reason}`}`,
  async () => {
    const prepared = prepare(shop)
    const common = { ...streams(), mounts: prepared.mounts, stopAfterSnapshot: true }
    try {
      let session = await Session.start({
        ...common,
        stdin: Buffer.from(shop.stdin),
        module: new Uint8Array(readFileSync(program(shop.program).path)),
        store,
        name: 'shop',
        engine: 'log-only',
        args: [program(shop.program).argv0, ...shop.args],
        env: shop.env,
        triggers: [{ kind: 'call', call: 100 }],
      })
      let outcome = await session.done
      let stops = 0
      for (let call = 200; outcome.kind === 'stopped' && call < 2000; call += 100) {
        stops++
        expect(outcome.calls).toBe(call - 101)
        const stdin = new PassThrough()
        session = await Session.restore(store, 'shop', {
          ...common,
          stdin,
          triggers: [{ kind: 'call', call }],
          onEvent: (event) => {
            if (event.kind === 'recovered') stdin.end(Buffer.from(shop.stdin).subarray(event.stdinRead))
          },
        })
        outcome = await session.done
      }
      expect(stops).toBeGreaterThan(1)
      const expected = expectedOutcome(shop)
      expect(outcome).toEqual({ kind: 'exited', code: expected.exitCode })
      expect(output).toBe(expected.stdout)
      expect(prepared.files()).toEqual(expected.files)
    } finally {
      prepared.dispose()
    }
  },
)
