// Any call of a session is reached by its log, in the state in which a checkpoint found the program there.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStore } from '../../host-node/open-store.ts'
import { Session } from '../../host-node/sessions.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import { parseAddress } from '../../runtime/store/address.ts'
import { listVersions, loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { listSegments } from '../../runtime/store/session-log.ts'
import type { Store } from '../../runtime/store/store.ts'
import { decodeState } from '../../wasm-shim/wasi/saved-state.ts'
import { caseNamed, expectedOutcome } from '../programs/cases.ts'
import { type Prepared, prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { counter } from './guests.ts'

let directory: string
let store: Store
let output: string
let prepared: Prepared | undefined
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-travel-'))
  store = await openStore(`file:${join(directory, '.stasis')}`)
  output = ''
})
afterEach(() => {
  prepared?.dispose()
  prepared = undefined
  rmSync(directory, { recursive: true, force: true })
})

const streams = () => ({
  stdout: (bytes: Uint8Array) => {
    output += new TextDecoder().decode(bytes)
  },
  stderr: () => undefined,
  cache: join(tmpdir(), 'stasis-test-cache'),
})

/** What the program is at an instant: memory, globals, tables and stack, and what it has written. */
async function stateOf(from: Store, address: string) {
  const { bytes } = await loadCheckpoint(from, parseAddress(address))
  const { instances, stacks, calls, kernel } = decodeCheckpoint(bytes)
  const states = instances.map(({ memories, globals, tables }) => ({
    memories: memories.map((memory) => createHash('sha256').update(memory.bytes).digest('hex')),
    globals: [...globals],
    tables: tables.map((table) => table && [...table]),
  }))
  const { written } = decodeState(kernel)
  return { calls, stacks, states, written }
}

/** Runs a case with its whole log kept and checkpoints at some calls. */
async function run(name: string, calls: readonly number[], maxFileBytes = 0) {
  const each = caseNamed(name)
  prepared = prepare(each)
  const session = await Session.start({
    module: program(each.program).path,
    args: [program(each.program).argv0, ...each.args],
    env: each.env,
    mounts: prepared.mounts,
    stdin: new TextEncoder().encode(each.stdin),
    store,
    name: 'calc',
    keepLog: true,
    maxFileBytes,
    triggers: calls.map((call) => ({ kind: 'call' as const, call })),
    ...streams(),
  })
  const outcome = await session.done
  return { outcome, stdout: output, mounts: prepared.mounts }
}

const names = {
  'lua-closures': [20, 50],
  files: [60, 100],
  effects: [40, 90],
  'cpython-session': [150, 400],
} as const

describe.each(Object.entries(names))('%s', (name, calls) => {
  const { available, reason } = program(caseNamed(name).program)

  test.skipIf(!available)(`is reached where checkpoints were${available ? '' : `: ${reason}`}`, async () => {
    const { outcome, stdout } = await run(name, calls)
    const { exitCode: code } = expectedOutcome(caseNamed(name))
    expect(outcome).toMatchObject({ kind: 'exited', code })
    const versions = await listVersions(store, 'calc')
    expect(versions.length).toBeGreaterThan(1)
    for (const { version } of versions) {
      const live = await stateOf(store, `calc@${version}`)
      output = ''
      const target = new MemoryStore()
      const options = { store: target, name: 'there', until: live.calls, echo: false, ...streams() }
      // From the beginning, not from the checkpoint itself.
      for (const from of ['calc', `calc@${Math.max(1, version - 1)}`]) {
        const session = await Session.replay(store, from, options)
        expect(await session.done).toMatchObject({ kind: 'suspended', checkpoint: { calls: live.calls } })
        expect(await stateOf(target, 'there')).toEqual(live)
        for (const { name: blob } of await target.list('')) await target.delete(blob)
      }
      expect(output).toBe('')
    }
    output = ''
    const all = await Session.replay(store, 'calc', { store: new MemoryStore(), name: 'again', ...streams() })
    expect(await all.done).toMatchObject({ kind: 'exited', code })
    expect(stdout.endsWith(output)).toBe(true)
  })
})

test('a session goes on from any call as a session of its own', async () => {
  const { stdout, mounts } = await run('lua-queens', [])
  for (const call of [8, 14]) {
    output = ''
    const replay = { store, name: `at-${call}`, until: call, ...streams() }
    await (await Session.replay(store, 'calc', replay)).done
    const before = output
    const again = await Session.restore(store, `at-${call}`, { mounts, ...streams(), stdin: 'empty' })
    expect(await again.done).toMatchObject({ kind: 'exited', code: 0 })
    expect(before.length).toBeLessThan(stdout.length)
    expect(output).toBe(stdout)
  }
})

test('a replay stops before a function that it is to stop at', async () => {
  await run('files', [])
  output = ''
  const target = new MemoryStore()
  const replay = { store: target, name: 'there', break: 'path_rename', ...streams() }
  const outcome = await (await Session.replay(store, 'calc', replay)).done
  const { stacks } = await stateOf(target, 'there')
  expect(outcome).toMatchObject({ kind: 'suspended' })
  expect(stacks[0]!.frames.length).toBeGreaterThan(0)
  expect(output).toContain('list: part-0.txt')
  expect(output).not.toContain('moved.txt:')
})

test('a call that the log does not reach is refused with the range that it has', async () => {
  const session = await Session.start({ module: counter, store, name: 'calc', ...streams(), stdin: 'empty' })
  await session.terminate()
  const replay = Session.replay(store, 'none', { store, name: 'x', ...streams() })
  await expect(replay).rejects.toMatchObject({ code: 'STASIS_VERSION_UNKNOWN' })
})

test('a fork goes on independently from where the other session was last', async () => {
  const { stdout, mounts } = await run('lua-queens', [14, 18])
  const info = await Session.fork(store, 'calc@1', 'what-if', { cache: streams().cache })
  expect(info).toMatchObject({ session: 'what-if', version: 1, calls: 13 })
  expect(await stateOf(store, 'what-if')).toEqual(await stateOf(store, 'calc@1'))
  output = ''
  const again = await Session.restore(store, 'what-if', { mounts, ...streams(), stdin: 'empty' })
  expect(await again.done).toMatchObject({ kind: 'exited', code: 0 })
  expect(stdout.endsWith(output)).toBe(true)
  expect(output.length).toBeGreaterThan(0)
  await expect(Session.fork(store, 'calc', 'x', { cache: streams().cache })).rejects.toMatchObject({
    code: 'STASIS_SESSION_OVER',
  })
})

test.each([
  ['files', [40, 75, 100], 'log'],
  ['lua-closures', [30, 55], 'log'],
  ['sqlite-shop', [60, 150], 'log'],
  ['files', [40, 75, 100], 'checkpoint'],
  ['lua-closures', [30, 55], 'checkpoint'],
  ['sqlite-shop', [60, 150], 'checkpoint'],
] as const)('$0 goes on from an older version with its files put back from the $2', async (name, calls, from) => {
  const each = caseNamed(name)
  const { stdout, mounts, outcome } = await run(name, calls, from === 'log' ? 0 : 1e8)
  const files = prepared!.files()
  for (const { version, content } of await listVersions(store, 'calc')) {
    output = ''
    const events: SessionEvent[] = []
    const again = await Session.restore(store, `calc@${version}`, {
      ...{ mounts, files: 'restore', keepLog: true, name: `from-${version}`, ...streams(), stdin: 'empty' },
      onEvent: (event) => events.push(event),
    })
    expect(await again.done).toEqual(outcome)
    expect(events.find(({ kind }) => kind === 'filesRestored')).toBeDefined()
    expect(content.kind).toBe('intact')
    expect(output.length).toBeGreaterThan(0)
    expect(stdout.endsWith(output), `${each.name}@${version}: ${output}`).toBe(true)
    expect(prepared!.files()).toEqual(files)
  }
})

test('files that were there before the session are not guessed at', async () => {
  const { mounts } = await run('lua-closures', [30])
  const script = join(mounts[0]!.host, 'closures.lua')
  // A log from which the beginning is gone.
  const [first] = await listSegments(store, 'calc')
  await store.delete(first!.blob)
  const restoring = Session.restore(store, 'calc@1', { mounts, files: 'restore', ...streams(), stdin: 'empty' })
  await expect(restoring).rejects.toMatchObject({ code: 'STASIS_FILES_UNKNOWN' })
  expect(existsSync(script)).toBe(true)
})
