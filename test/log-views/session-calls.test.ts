import { beforeEach, describe, expect, test } from 'vitest'
import { trace } from '../../runtime/intercept/trace.ts'
import { CallFilter, type CallFilterOptions } from '../../runtime/log/call-filter.ts'
import { formatCall } from '../../runtime/log/format-call.ts'
import { LogReader } from '../../runtime/log/reader.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { type LogEnd, type LogEvent, sessionCalls } from '../../runtime/store/session-calls.ts'
import { chunkName, findSessionLog, segmentName, sessionFolder } from '../../runtime/store/session-log.ts'
import { saveStart } from '../../runtime/store/start-record.ts'
import { Ranges } from '../../wasm-shim/wasi/host-writes.ts'
import { encodeState, type SavedState } from '../../wasm-shim/wasi/saved-state.ts'
import type { Descriptor } from '../../wasm-shim/wasi/state.ts'
import { runLive, testSession } from '../log/guest-run.ts'
import { caseNamed } from '../programs/cases.ts'
import { emptyState, recordSession, saveTestCheckpoint, testRun } from './recorded-session.ts'
import { type HandWritten, wasiLog, yields } from './wasi-log.ts'

let store: MemoryStore
beforeEach(() => {
  store = new MemoryStore()
})

const otherSession = '22222222-0000-4000-8000-000000000000'

async function put(calls: readonly HandWritten[], firstCall = 0, session = testSession): Promise<Uint8Array> {
  const bytes = wasiLog(calls, { firstCall, session })
  await store.put(`${sessionFolder('calc')}${segmentName(firstCall, session)}`, [bytes])
  return bytes
}

async function events(options: CallFilterOptions = {}, run?: string): Promise<readonly LogEvent[]> {
  const log = await findSessionLog(store, 'calc', run)
  const all: LogEvent[] = []
  for await (const some of sessionCalls(store, log!, { filter: new CallFilter(options) })) all.push(...some)
  return all
}

function textOf(event: LogEvent): string {
  switch (event.kind) {
    case 'call':
      return `${event.call.call} ${formatCall(event.call.view)}`
    case 'checkpoint':
      return `checkpoint ${event.checkpoint.version}`
    case 'gap':
      return `gap ${event.from}-${event.to}`
    default:
      return event.kind
  }
}

const lines = async (options: CallFilterOptions = {}, run?: string) => (await events(options, run)).map(textOf)
const numbers = async (options: CallFilterOptions) =>
  (await events(options)).flatMap((event) => (event.kind === 'call' ? [event.call.call] : []))
const endOf = (all: readonly LogEvent[]): LogEnd => {
  const last = all.at(-1)!
  if (last.kind !== 'end') throw new Error(`the last event is ${last.kind}`)
  return last.end
}

describe('the log of a real program', () => {
  const traced = new Map<string, readonly string[]>()
  /** What the tracer tells while a program runs: it shares no code with the log but the formatting. */
  function linesOfTrace(name: string): readonly string[] {
    const known = traced.get(name)
    if (known !== undefined) return known
    const told: string[] = []
    runLive(caseNamed(name), (memory) => [trace((line) => told.push(line), { memory })])
    traced.set(name, told)
    return told
  }

  test.each(['lua-closures', 'sqlite-shop', 'cpython-session', 'rust'])('shows %s as it was traced', async (name) => {
    const told = linesOfTrace(name)
    const count = await recordSession(store, name)
    expect(count).toBe(told.length)
    const shown = (await lines()).slice(0, -1)
    expect(shown.map(steady)).toEqual(told.map((line, call) => steady(`${call} ${line}`)))
  })

  test('is the same in several segments, with checkpoints between them', async () => {
    const told = linesOfTrace('lua-closures')
    await recordSession(store, 'lua-closures', { checkpoints: [{ calls: 11 }, { calls: 12 }, { calls: 40 }] })
    const expected = told.map((line, call) => steady(`${call} ${line}`))
    for (const [call, version] of [
      [40, 3],
      [12, 2],
      [11, 1],
    ] as const) {
      expected.splice(call, 0, `checkpoint ${version}`)
    }
    expect((await lines()).slice(0, -1).map(steady)).toEqual(expected)
  })

  test('is shown in part, from the segment on that has the first call', async () => {
    await recordSession(store, 'lua-closures', { checkpoints: [{ calls: 11 }, { calls: 40 }] })
    expect(await numbers({ from: 38, to: 41 })).toEqual([38, 39, 40, 41])
    const read: string[] = []
    const get = store.get.bind(store)
    store.get = (name, range) => {
      read.push(name)
      return get(name, range)
    }
    expect(await numbers({ from: 12, to: 13 })).toEqual([12, 13])
    expect(read.some((name) => /\/(0|40)-/.test(name))).toBe(false)
  })

  test('has the calls about a file until its descriptor is closed', async () => {
    await recordSession(store, 'lua-closures')
    const all = await lines()
    const opened = all.findIndex((line) => line.includes('path_open(3, symlink_follow, "closures.lua"'))
    const closed = all.findIndex((line, i) => i > opened && line.includes('fd_close(4)'))
    expect(closed).toBeGreaterThan(opened + 2)
    const between = Array.from({ length: closed - opened + 1 }, (_, i) => opened + i)
    expect(await numbers({ paths: ['*.lua'] })).toEqual(between)
    expect(await numbers({ paths: ['/data/closures.lua'] })).toEqual(between)
    expect(await numbers({ paths: ['/data/closures.lua'], names: ['fd_re*'] })).toEqual(between.slice(1, -1))
    // The same descriptor has another file later.
    expect(await numbers({ paths: ['*.lua'], fds: [4] })).toEqual(between)
    expect((await numbers({ fds: [4] })).length).toBeGreaterThan(between.length)
  })

  test('has its failures alone, each behind the checkpoint that a restore would begin at', async () => {
    const told = linesOfTrace('sqlite-shop')
    const failed = told.flatMap((line, call) => (/ = E[A-Z]+$/.test(line) ? [call] : []))
    expect(failed.length).toBeGreaterThan(10)
    await recordSession(store, 'sqlite-shop', { checkpoints: [{ calls: 100 }, { calls: 101 }] })
    expect(await numbers({ failed: true })).toEqual(failed)
    expect((await lines({ failed: true })).filter((line) => line.startsWith('checkpoint'))).toEqual(['checkpoint 2'])
  })

  test('keeps large payloads in chunks, and shows their beginning while the store has them', async () => {
    const told = linesOfTrace('lua-closures')
    await recordSession(store, 'lua-closures', { inlineLimit: 30 })
    const chunks = await store.list(`${sessionFolder('calc')}chunks/`)
    expect(chunks.length).toBeGreaterThan(5)
    const all = await events()
    expect(all.slice(0, -1).map(textOf).map(steady)).toEqual(told.map((line, call) => steady(`${call} ${line}`)))
    expect(endOf(all).missing).toBe(0)
    for (const { name } of chunks) await store.delete(name)
    const without = await events()
    expect(without.length).toBe(all.length)
    expect(endOf(without).missing).toBeGreaterThan(5)
    expect(without.map(textOf).join('\n')).toContain('fd_read(4, "" 1024 bytes) = nread 1024')
    await store.put(chunkName('calc', chunks[0]!.name.slice(-64)), [new Uint8Array(5)])
    expect(endOf(await events()).missing).toBeGreaterThan(5)
  })
})

/** Without inode numbers and times of files, which differ from run to run. */
const steady = (line: string) =>
  line.replaceAll(/\b(ino|atim|mtim|ctim|dev) \d+/g, '$1 ~').replace(/fd_readdir\((\d+), ".*"/, 'fd_readdir($1, ~')

describe('calls', () => {
  test('that never came back end in a question mark, and those that gave way to a checkpoint are not shown', async () => {
    await put([
      { name: 'fd_sync', params: [4], how: 'abandoned' },
      { name: 'fd_sync', params: [5], how: 'announced' },
      { name: 'fd_sync', params: [6], how: 'threw', output: 'no disk' },
      { name: 'fd_sync', params: [7], how: 'open' },
    ])
    expect(await lines()).toEqual(['0 fd_sync(5) = 0', '1 fd_sync(6) throws "no disk"', '2 fd_sync(7) = ?', 'end'])
    expect(await numbers({ failed: true })).toEqual([1])
  })

  test('within others keep their own parameters and results', async () => {
    await put([
      { name: 'path_unlink_file', params: [3, 0, 5], input: 'outer', how: 'open' },
      { name: 'path_unlink_file', params: [9, 0, 5], input: 'inner', errno: 44, how: 'announced' },
      { name: 'path_unlink_file', errno: 63, how: 'result' },
    ])
    expect(await lines()).toEqual([
      '1 path_unlink_file(9, "inner") = ENOENT',
      '0 path_unlink_file(3, "outer") = EPERM',
      'end',
    ])
  })

  test('that a crash cut off are shown with the call that was made in their place', async () => {
    const before = wasiLog([...yields(2), { name: 'fd_sync', params: [4], how: 'open' }])
    const reader = new LogReader()
    reader.feed(before)
    while (reader.next() !== undefined);
    reader.finish()
    const after = wasiLog([{ name: 'fd_sync', params: [4], how: 'announced' }, ...yields(1)], {
      resume: reader.resumePoint(),
    })
    await store.put(`${sessionFolder('calc')}${segmentName(0, testSession)}`, [before, after])
    expect(await lines({ from: 2 })).toEqual(['2 fd_sync(4) = ?', '2 fd_sync(4) = 0', '3 sched_yield() = 0', 'end'])
  })

  test('of a function that claims to be WASI and is not so shaped are shown as what they are', async () => {
    const blocks: Uint8Array[] = []
    const sink = (block: Uint8Array) => void blocks.push(block.slice())
    const writer = new LogWriter({ session: testSession, sink, chunks: { put: () => undefined, get: () => undefined } })
    const shape = { params: [], results: [], resultWords: 0, input: false, output: false }
    const fn = writer.define({ module: 'wasi_snapshot_preview1', name: 'path_open', ...shape })
    const [none, memory] = [new Ranges(), { bytes: new Uint8Array(0) }]
    writer.call(fn, new Int32Array(2), true, none, memory, none, memory)
    writer.commit()
    await store.put(`${sessionFolder('calc')}${segmentName(0, testSession)}`, blocks)
    expect(await lines({ paths: [] })).toEqual(['0 wasi_snapshot_preview1.path_open() = nothing', 'end'])
    expect(await numbers({ paths: ['*'], fds: [0] })).toEqual([])
  })
})

const preopened: Descriptor = {
  kind: 'directory',
  mount: 0,
  path: '',
  preopen: '/data',
  flags: 0,
  deleted: false,
  listing: null,
}

describe('paths of descriptors', () => {
  const open = (fd: number, path: string, opened: number): HandWritten => ({
    name: 'path_open',
    params: [fd, 0, 0, path.length],
    input: path,
    results: [opened],
  })
  const preopen: HandWritten = { name: 'fd_prestat_dir_name', params: [3, 0, 5], output: '/data' }
  const seek = (fd: number): HandWritten => ({ name: 'fd_sync', params: [fd], how: 'announced' })

  test('are followed through directories, dots and renumbering', async () => {
    await put([
      preopen,
      open(3, 'sub/../deep', 4),
      open(4, './x.txt', 5),
      seek(5),
      { name: 'fd_renumber', params: [5, 9] },
      seek(5),
      seek(9),
      { name: 'fd_close', params: [9], errno: 8 },
      seek(9),
      { name: 'fd_close', params: [9] },
      seek(9),
    ])
    expect(await numbers({ paths: ['/data/deep/x.txt'] })).toEqual([2, 3, 4, 6, 7, 8, 9])
    expect(await numbers({ paths: ['/data/**'] })).toEqual([1, 2, 3, 4, 6, 7, 8, 9])
    expect(await numbers({ paths: ['deep'] })).toEqual([1])
    expect(await numbers({ paths: ['/data'] })).toEqual([0])
  })

  test('that were open when the session began are known from how it began', async () => {
    const kernel = encodeState({
      ...emptyState,
      mounts: [{ guest: '/data', kind: 'host', source: null, readOnly: false, content: null }],
      written: { complete: true, mounts: [[]] },
      fds: [null, null, null, { descriptor: preopened, identity: null, orphan: null }],
    })
    const module = { sha256: 'ab'.repeat(32), size: 1, name: 'calc.wasm', path: '' }
    await put([open(3, 'a', 4), seek(3)])
    expect(await numbers({ paths: ['/data/a'] })).toEqual([])
    await saveStart(store, 'calc', { id: testSession, module, kernel, polls: 'none', time: 1 })
    expect(await numbers({ paths: ['/data/a'] })).toEqual([0])
    expect(await numbers({ paths: ['/data'] })).toEqual([1])
    await saveStart(store, 'calc', { id: otherSession, module, kernel, polls: 'none', time: 1 })
    expect(await numbers({ paths: ['/data/a'] })).toEqual([])
  })

  test('of a call with two paths are both looked at', async () => {
    const rename = { name: 'path_rename', params: [3, 0, 1, 4, 0, 1], input: 'ab', how: 'announced' } as const
    await put([preopen, open(3, 'sub', 4), rename])
    expect(await numbers({ paths: ['/data/a'] })).toEqual([2])
    expect(await numbers({ paths: ['/data/sub/b'] })).toEqual([2])
    expect(await numbers({ paths: ['/data/b'] })).toEqual([])
  })

  test('that were open already are known from the checkpoint where the log begins', async () => {
    const file = { kind: 'file', mount: 0, path: 'in.csv', type: 'file', read: true, write: false } as const
    const open = { ...file, flags: 0, offset: 0, deleted: false }
    const state: SavedState = {
      ...emptyState,
      mounts: [{ guest: '/data', kind: 'host', source: null, readOnly: false, content: null }],
      written: { complete: true, mounts: [[]] },
      fds: [
        null,
        null,
        null,
        { descriptor: preopened, identity: null, orphan: null },
        { descriptor: open, identity: { ino: 1n, size: 2n, mtim: 3n }, orphan: null },
      ],
    }
    await saveTestCheckpoint(store, { session: 'calc', calls: 50, state })
    await put([seek(3), seek(4)], 50)
    expect(await numbers({ paths: ['/data/in.csv'] })).toEqual([51])
    expect(await numbers({ paths: ['/data/in.csv'], from: 51 })).toEqual([51])
    expect(await numbers({ paths: ['/data'] })).toEqual([50])
  })
})

describe('runs', () => {
  test('of which the newest is shown, and others when asked for', async () => {
    await put(yields(5))
    await saveTestCheckpoint(store, { session: 'calc', calls: 3 })
    await put(yields(1), 3, otherSession)
    expect((await findSessionLog(store, 'calc'))!.run).toBe(testRun)
    await saveTestCheckpoint(store, { session: 'calc', calls: 4, id: otherSession })
    expect((await findSessionLog(store, 'calc'))!.run).toBe('22222222')
    // A fork begins at a checkpoint of the run that it left.
    expect(await lines()).toEqual(['gap 0-3', 'checkpoint 1', '3 sched_yield() = 0', 'checkpoint 2', 'end'])
    expect((await lines({}, testRun)).filter((line) => line.startsWith('checkpoint'))).toEqual(['checkpoint 1'])
    await expect(findSessionLog(store, 'calc', '33333333')).rejects.toMatchObject({ code: 'STASIS_LOG_RUN' })
    expect(await findSessionLog(store, 'nobody')).toBeUndefined()
  })

  test('whose oldest segments were dropped, or one between, say which calls are missing', async () => {
    await put(yields(5), 10)
    await put(yields(5), 20)
    const shown = await lines()
    expect(shown.filter((line) => line.startsWith('gap'))).toEqual(['gap 0-10', 'gap 15-20'])
    expect(shown.indexOf('gap 15-20')).toBe(6)
    expect((await lines({ from: 12 }))[0]).toBe('12 sched_yield() = 0')
  })
})

describe('the end of a log', () => {
  test('that is whole, was cut in a block or in its header, or has not begun', async () => {
    const bytes = await put(yields(10))
    expect(endOf(await events())).toMatchObject({ reason: 'read', tail: { kind: 'complete' }, shown: 10 })
    const blob = `${sessionFolder('calc')}${segmentName(0, testSession)}`
    await store.put(blob, [bytes.subarray(0, bytes.length - 3)])
    const torn = endOf(await events())
    expect(torn).toMatchObject({ tail: { kind: 'torn', records: 10 }, shown: 0 })
    await store.put(blob, [bytes.subarray(0, 20)])
    expect(endOf(await events())).toMatchObject({ tail: { kind: 'torn', offset: 0, bytes: 20 } })
    await store.put(blob, [])
    expect(endOf(await events())).toMatchObject({ tail: { kind: 'complete' }, shown: 0 })
  })

  test('is not looked for when the last call asked for was shown', async () => {
    await put(yields(10))
    expect(endOf(await events({ to: 4 }))).toMatchObject({ reason: 'passed', shown: 5 })
  })

  test('of a segment before the last one is told where it stands', async () => {
    const bytes = wasiLog([...yields(3)])
    const more = wasiLog(yields(400), { firstCall: 3, blockSize: 50 })
    await store.put(`${sessionFolder('calc')}${segmentName(0, testSession)}`, [bytes.subarray(0, bytes.length - 1)])
    await store.put(`${sessionFolder('calc')}${segmentName(3, testSession)}`, [more])
    expect((await lines({ to: 3 })).slice(0, 3)).toEqual(['torn', 'gap 0-3', '3 sched_yield() = 0'])
  })

  test('comes after everything before the damage, and the error names the place', async () => {
    const bytes = wasiLog(yields(400), { blockSize: 50 })
    const blob = `${sessionFolder('calc')}${segmentName(0, testSession)}`
    const broken = bytes.slice()
    broken[broken.length >> 1]! ^= 1
    await store.put(blob, [broken])
    const log = await findSessionLog(store, 'calc')
    const shown: number[] = []
    const reading = (async () => {
      for await (const some of sessionCalls(store, log!, { filter: new CallFilter({}) })) {
        for (const event of some) if (event.kind === 'call') shown.push(event.call.call)
      }
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'STASIS_LOG_DAMAGED',
      message: expect.stringContaining(store.locate(blob)),
    })
    expect(shown.length).toBeGreaterThan(100)
    expect(shown).toEqual(shown.map((_, i) => i))
  })

  test('of a segment is where the next one begins, whatever a crash has left behind that', async () => {
    const left: HandWritten[] = [...yields(3), { name: 'fd_sync', params: [4], how: 'open' }, ...yields(200)]
    const bytes = wasiLog(left, { blockSize: 50 })
    const first = `${sessionFolder('calc')}${segmentName(0, testSession)}`
    await put([{ name: 'fd_sync', params: [5], how: 'announced' }], 3)
    const expected = [...[0, 1, 2].map((call) => `${call} sched_yield() = 0`), '3 fd_sync(5) = 0', 'end']
    const broken = bytes.slice()
    broken[200]! ^= 1
    for (const content of [bytes, bytes.subarray(0, bytes.length - 3), broken]) {
      await store.put(first, [content])
      expect(await lines()).toEqual(expected)
    }
  })

  test('is refused where a file is named as another one', async () => {
    const bytes = wasiLog(yields(3))
    await store.put(`${sessionFolder('calc')}${segmentName(7, testSession)}`, [bytes])
    await expect(events()).rejects.toMatchObject({ code: 'STASIS_LOG_DAMAGED' })
  })
})
