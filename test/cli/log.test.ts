import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { logCommand } from '../../host-node/cli/commands/log.ts'
import { runCommandLine } from '../../host-node/cli/run-command-line.ts'
import { FileStore } from '../../host-node/file-store.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { removeVersions } from '../../runtime/store/checkpoints.ts'
import { segmentName, sessionFolder } from '../../runtime/store/session-log.ts'
import { testSession } from '../log/guest-run.ts'
import { writeLargeSession } from '../log-views/large-session.ts'
import { recordSession, saveTestCheckpoint, testRun } from '../log-views/recorded-session.ts'
import { type HandWritten, wasiLog, writeCall, yields } from '../log-views/wasi-log.ts'

let directory = ''
let store: FileStore
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'log-'))
  store = new FileStore(directory)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function stasis(...argv: string[]) {
  let out = ''
  let err = ''
  const code = await runCommandLine([logCommand], ['log', ...argv, '--store', directory], {
    out: (line) => {
      out += `${line}\n`
    },
    err: (line) => {
      err += `${line}\n`
    },
    columns: 100,
    interactive: false,
    style: (_, text) => text,
  })
  return { code, out, err }
}

const fileOf = (firstCall = 0, id = testSession) =>
  store.locate(`${sessionFolder('calc')}${segmentName(firstCall, id)}`)
const put = (bytes: Uint8Array, firstCall = 0, id = testSession) =>
  store.put(`${sessionFolder('calc')}${segmentName(firstCall, id)}`, [bytes])

describe('stasis log', () => {
  test('shows a line a call with its number, and checkpoints where they stand', async () => {
    await put(wasiLog([...yields(2), { name: 'fd_close', params: [9], errno: 8 }]))
    await put(wasiLog(yields(1), { firstCall: 3 }), 3)
    await saveTestCheckpoint(store, { session: 'calc', calls: 3, label: 'lunch' })
    expect(await stasis('calc')).toEqual({
      code: 0,
      out: [
        '      0 sched_yield() = 0',
        '      1 sched_yield() = 0',
        '      2 fd_close(9) = EBADF',
        '--- checkpoint 1 (request) "lunch" ---',
        '      3 sched_yield() = 0',
        '',
      ].join('\n'),
      err: 'The log is whole.\n',
    })
    expect((await stasis('calc', '--failed')).out).toBe('      2 fd_close(9) = EBADF\n')
    expect(await stasis('calc', '--call', 'path_*')).toMatchObject({ code: 0, out: '', err: /^No call is to be shown/ })
  })

  test('lets nothing that a program or an image says move the cursor', async () => {
    const hostile = '\u001b[2J\u009b1A\r\n\u0007'
    const name = `f${hostile}`
    await put(
      wasiLog([
        { name, params: [1] },
        { name, params: [1], output: hostile, how: 'threw' },
      ]),
    )
    await saveTestCheckpoint(store, { session: 'calc', calls: 1, cause: hostile, label: hostile })
    for (const argv of [['calc'], ['calc', '--stats']]) {
      const { out } = await stasis(...argv)
      expect(out).toContain('env.f\ufffd[2J')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(out.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
    }
    for (const line of (await stasis('calc', '--json')).out.trim().split('\n')) {
      expect(JSON.parse(line)).toHaveProperty('type')
    }
  })

  test('says how the log ends, and which runs there are', async () => {
    const bytes = wasiLog(yields(10))
    await put(bytes.subarray(0, bytes.length - 2))
    const torn = await stasis('calc')
    expect(torn.code).toBe(0)
    expect(torn.err).toContain(`At the end of ${fileOf()} `)
    expect(torn.err).toMatch(/\d+ bytes from byte \d+ on, with at least 10 records, were not written whole/)
    await put(bytes)
    const other = '22222222-0000-4000-8000-000000000000'
    await put(wasiLog(yields(1), { session: other }), 0, other)
    utimesSync(fileOf(0, other), 1000, 1000)
    expect((await stasis('calc')).err).toContain(`This is run ${testRun}. "--run" shows another one: 22222222.`)
    utimesSync(fileOf(), 500, 500)
    expect((await stasis('calc')).out.trim().split('\n')).toHaveLength(1)
    expect((await stasis('calc', '--run', testRun)).out.trim().split('\n')).toHaveLength(10)
    expect(await stasis('calc', '--run', '33333333')).toMatchObject({ code: 1, err: /STASIS_LOG_RUN/ })
    const lock = await store.lock('calc')
    expect((await stasis('calc')).err).toContain(`The session is running in process ${process.pid}`)
    await lock.release()
  })

  test('delivers what comes before damage, and then the error', async () => {
    const bytes = wasiLog(yields(400), { blockSize: 50 })
    bytes[bytes.length >> 1]! ^= 1
    await put(bytes)
    const { code, out, err } = await stasis('calc')
    expect(code).toBe(1)
    expect(out.trim().split('\n').length).toBeGreaterThan(100)
    expect(err).toContain(`stasis: ${fileOf()}: The call log is damaged at byte`)
    expect(err).toContain('[STASIS_LOG_DAMAGED]')
    const stats = await stasis('calc', '--stats')
    expect(stats).toMatchObject({ code: 1, err: /STASIS_LOG_DAMAGED/ })
    expect(stats.out).toContain('sched_yield')
    expect((await stasis('calc', '--json')).err).toContain('"code":"STASIS_LOG_DAMAGED"')
  })

  test('of a session that is not there names the one that was meant; of one without a log says so', async () => {
    await saveTestCheckpoint(store, { session: 'calc', calls: 3 })
    expect(await stasis('clac')).toMatchObject({ code: 1, err: /Did you mean calc\?/ })
    expect(await stasis('calc')).toMatchObject({ code: 1, err: /STASIS_LOG_NONE/ })
    await put(new Uint8Array(0))
    expect(await stasis('calc')).toMatchObject({ code: 0, out: '--- checkpoint 1 (request) ---\n' })
  })

  test('refuses what makes no sense before it reads anything', async () => {
    for (const argv of [
      ['--from', '5', '--to', '4'],
      ['--stats', '--failed'],
      ['--stats', '-f'],
      ['--fd', '-1'],
      ['--run', 'x'],
    ])
      expect(await stasis('calc', ...argv), argv.join(' ')).toMatchObject({ code: 2 })
    expect(await stasis('../calc')).toMatchObject({ code: 2 })
  })

  test('as JSON has an object a line, with parameters, texts and results by name', async () => {
    await put(
      wasiLog([
        { name: 'path_open', params: [3, 1, 64, 5, 1], input: 'a.txt', results: [7], how: 'announced' },
        { name: 'fd_seek', params: [7, -5, 1], results: [0, 1] },
        { name: 'fd_filestat_get', params: [7], errno: 8 },
        { name: 'fd_read', params: [7, 8, 1], output: 'hi', results: [2] },
        { name: 'proc_exit', params: [3], how: 'exit' },
      ]),
    )
    await saveTestCheckpoint(store, { session: 'calc', calls: 1 })
    const { out, err } = await stasis('calc', '--json')
    const [open, mark, seek, stat, read, exit, end, ...rest] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect([rest, err]).toEqual([[], ''])
    const rights = { rights_base: '0', rights_inheriting: '0' }
    expect(open).toEqual({
      type: 'call',
      call: 0,
      thread: 0,
      module: 'wasi_snapshot_preview1',
      name: 'path_open',
      params: { fd: 3, dirflags: 1, path: 64, path_len: 5, oflags: 1, ...rights, fdflags: 0 },
      strings: { path: 'a.txt' },
      ending: 'returned',
      errno: 'ESUCCESS',
      results: { opened_fd: 7 },
      input: { length: 5, hex: '612e747874' },
      output: { length: 0, hex: '' },
      logged: expect.any(Number),
    })
    expect(mark).toMatchObject({ type: 'checkpoint', version: 1, call: 1, cause: 'request', time: 1_700_000_000_000 })
    // The high word of the offset was not given: 2^32 - 5.
    expect(seek).toMatchObject({ params: { offset: '4294967291', whence: 1 }, results: { newoffset: '4294967296' } })
    expect(stat).toMatchObject({ errno: 'EBADF', results: {} })
    expect(read).toMatchObject({ params: { iovs: 8, iovs_len: 1 }, output: { length: 2, hex: '6869' } })
    expect(exit).toMatchObject({ ending: 'exit', exitCode: 3, errno: null })
    expect(end).toEqual({
      type: 'end',
      reason: 'read',
      run: testRun,
      segment: 'sessions/calc/0-0f8fad5b.log',
      shown: 5,
      missing: 0,
      tail: { complete: true },
    })
  })

  test('counts functions, failures and bytes', async () => {
    const calls = await recordSession(store, 'lua-closures', { checkpoints: [{ calls: 20 }, { calls: 40 }] })
    const stats = JSON.parse((await stasis('calc', '--stats', '--json')).out)
    const shown = (await stasis('calc', '--json')).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const each = shown.filter(({ type }) => type === 'call')
    expect(stats).toMatchObject({ session: 'calc', calls, segments: 3, tail: { complete: true }, open: 0 })
    expect(each).toHaveLength(calls)
    expect(stats.failed).toBe(each.filter(({ errno }) => errno !== 'ESUCCESS').length)
    for (const { name, calls: count, failed, input, output, logged } of stats.functions) {
      const own = each.filter((call) => call.name === name)
      const sum = (of: (call: (typeof own)[number]) => number) => own.reduce((all, call) => all + of(call), 0)
      expect([count, failed], name).toEqual([own.length, own.filter(({ errno }) => errno !== 'ESUCCESS').length])
      expect([input, output, logged + input + output], name).toEqual([
        sum((call) => call.input.length),
        sum((call) => call.output.length),
        sum((call) => call.logged),
      ])
    }
    const sizes = each.map((call) => call.logged - call.input.length - call.output.length).sort((a, b) => a - b)
    expect(stats.bytesPerCall).toEqual({
      median: sizes[Math.ceil(calls * 0.5) - 1],
      p95: sizes[Math.ceil(calls * 0.95) - 1],
    })
    expect(stats.checkpoints.map(({ call }: { call: number }) => call)).toEqual([20, 40])
    const { out } = await stasis('calc', '--stats')
    expect(out).toContain(`calc, run ${testRun}: ${calls} calls, ${stats.failed} failed.`)
    expect(out).toMatch(/^fd_write +\d+ +0 /m)
  })
})

const commandLine = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const tellsMemory =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("peak "+process.resourceUsage().maxRSS+"\\n"))'

// The long form: LOG_FAULTS=full npx vitest run test/cli/log.test.ts
const megabytes = process.env.LOG_FAULTS === 'full' ? 1000 : 100

test(`a log of ${megabytes} MB is listed and counted within 64 MB`, { timeout: 600_000 }, () => {
  const calls = writeLargeSession(directory, megabytes)
  const small = ['--max-old-space-size=64', '--max-semi-space-size=4', '--import', tellsMemory, commandLine]
  const run = (...argv: string[]) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [...small, ...argv], {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    })
    return { stdout, stderr, status, peak: Number(/^peak (\d+)$/m.exec(stderr)?.[1]) / 1024 }
  }
  const { peak: nothing } = run('version')
  const listed = run('log', 'large', '--store', directory)
  expect(listed.stdout.split('\n')).toHaveLength(calls + 1)
  expect(listed.stderr).toContain('The log is whole.')
  const counted = run('log', 'large', '--stats', '--store', directory)
  expect(counted.stdout).toContain(`${calls.toLocaleString('en-US')} calls`)
  for (const { status, peak } of [listed, counted]) {
    expect(status).toBe(0)
    expect(peak - nothing).toBeLessThan(64)
  }
})

test('a reader that has seen enough is no error', () => {
  writeLargeSession(directory, 5)
  const script = `"$0" "$1" log large --store "$2" | head -n 2; echo "status \${PIPESTATUS[0]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, commandLine, directory], {
    encoding: 'utf8',
  })
  expect(stdout).toBe('      0 fd_tell(0) = offset 0\n      1 fd_tell(1) = offset 1\nstatus 0\n')
  expect(stderr).toBe('')
})

describe('stasis log --follow', () => {
  /** A session that this process runs, as far as its log and its lock are concerned. */
  class Runner {
    readonly #writers: LogWriter[] = []

    begin(firstCall: number): void {
      const file = fileOf(firstCall)
      writeFileSync(file, '')
      const chunks = { put: () => undefined, get: () => undefined }
      const sink = (block: Uint8Array) => appendFileSync(file, block)
      this.#writers.push(new LogWriter({ session: testSession, firstCall, sink, chunks }))
    }

    call(...calls: HandWritten[]): void {
      const writer = this.#writers.at(-1)!
      for (const call of calls) writeCall(writer, call)
      writer.commit()
    }
  }

  function follow(...argv: string[]) {
    const child = spawn(process.execPath, [commandLine, 'log', 'calc', '--follow', '--store', directory, ...argv])
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      child.once('close', (code) => resolve({ code, out, err }))
    })
    const says = async (text: string) => {
      while (!out.includes(text)) {
        if (child.exitCode !== null) throw new Error(`It ended without "${text}": ${JSON.stringify({ out, err })}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    return { child, ended, says }
  }

  test('goes on with what is written, through checkpoints, and ends with the session', async () => {
    const lock = await store.lock('calc')
    const runner = new Runner()
    runner.begin(0)
    runner.call({ name: 'fd_tell', params: [1], results: [10] })
    const { ended, says } = follow()
    await says('0 fd_tell(1) = offset 10')
    runner.call({ name: 'fd_tell', params: [2], results: [20] })
    await says('1 fd_tell(2) = offset 20')
    runner.begin(2)
    runner.call({ name: 'fd_tell', params: [3], results: [30] })
    await says('2 fd_tell(3) = offset 30')
    // The image is written while the program goes on.
    await saveTestCheckpoint(store, { session: 'calc', calls: 2 })
    await says('--- checkpoint 1 (request) ---')
    runner.call({ name: 'fd_sync', params: [4], how: 'open' })
    await lock.release()
    const { code, out, err } = await ended
    expect([code, err]).toEqual([0, 'The log is whole.\n'])
    expect(out.split('\n').at(-2)).toBe('      3 fd_sync(4) = ?')
  })

  test('shows a block once it is whole, and ends by Ctrl-C with what it knows', async () => {
    const lock = await store.lock('calc')
    new Runner().begin(0)
    const bytes = wasiLog(yields(3))
    appendFileSync(fileOf(), bytes.subarray(0, bytes.length - 4))
    const { child, ended, says } = follow()
    await new Promise((resolve) => setTimeout(resolve, 700))
    appendFileSync(fileOf(), bytes.subarray(bytes.length - 4))
    await says('2 sched_yield() = 0')
    child.kill('SIGINT')
    const { code, err } = await ended
    expect(code).toBe(130)
    expect(err).toContain('The log is whole so far.')
    await lock.release()
  })

  test('ends when the session ended and left nothing behind', async () => {
    const lock = await store.lock('calc')
    const runner = new Runner()
    runner.begin(0)
    runner.call(...yields(1))
    const { ended, says } = follow('--json')
    await says('"sched_yield"')
    await removeVersions(store, 'calc')
    rmSync(fileOf())
    await lock.release()
    const { code, out } = await ended
    expect(code).toBe(0)
    expect(JSON.parse(out.trim().split('\n').at(-1)!)).toMatchObject({ type: 'end', reason: 'gone', shown: 1 })
  })

  test('waits for a session that has just begun to write its first call', async () => {
    const lock = await store.lock('calc')
    const { ended, says } = follow()
    await new Promise((resolve) => setTimeout(resolve, 700))
    const runner = new Runner()
    runner.begin(0)
    await new Promise((resolve) => setTimeout(resolve, 400))
    runner.call(...yields(1))
    await says('0 sched_yield() = 0')
    await lock.release()
    expect((await ended).code).toBe(0)
  })

  test('of a session that nobody runs shows what there is', async () => {
    await put(wasiLog(yields(2)))
    const { code, out } = await follow().ended
    expect([code, out.trim().split('\n').length]).toEqual([0, 2])
  })
})
