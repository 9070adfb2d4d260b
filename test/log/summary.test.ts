import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { record } from '../../runtime/intercept/record.ts'
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { readLog } from '../../runtime/log/reader.ts'
import { summarizeLog } from '../../runtime/log/summary.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { caseNamed } from '../programs/cases.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { keepLog, runLive, testSession } from './guest-run.ts'

// The long form: LOG_FAULTS=full npx vitest run test/log/summary.test.ts
const megabytes = process.env.LOG_FAULTS === 'full' ? 1000 : 200

test(`a log of ${megabytes} MB is summarised within 64 MB`, { timeout: 300_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-log-'))
  try {
    const file = join(directory, 'large-log.mjs')
    await bundleProgram("import './test/log/large-log.ts'", file)
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--max-old-space-size=64', '--max-semi-space-size=4', file, String(megabytes)],
      { encoding: 'utf8' },
    )
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const { summary, written, most } = JSON.parse(stdout)
    expect(summary).toMatchObject({ calls: written, open: 0, tail: { kind: 'complete' } })
    const output = (written / 2) * 4096
    expect(output).toBeGreaterThan(megabytes * 0.98e6)
    expect(summary.functions).toMatchObject([
      { name: 'read', calls: written / 2, output },
      { name: 'tell', calls: written / 2, output: 0 },
    ])
    expect(most).toBeLessThan(64 << 20)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a summary counts calls, failures and bytes by function', () => {
  const log = keepLog()
  const writer = new LogWriter({ session: testSession, sink: log.sink, chunks: new MemoryChunkStore() })
  const each = caseNamed('lua-closures')
  const counts = new Map<string, { calls: number; failed: number }>()
  const live = runLive(each, (memory) => [
    record(writer, { memory }),
    (next, { name }) =>
      (...args) => {
        const count = counts.get(name) ?? { calls: 0, failed: 0 }
        counts.set(name, count)
        count.calls++
        const errno = next(...args)
        if (errno !== 0) count.failed++
        return errno
      },
  ])
  writer.commit()
  expect(live.exitCode).toBe(0)
  const summary = summarizeLog(readLog([log.bytes()]))
  const summed = summary.functions.map(({ name, calls, failed }) => [name, { calls, failed }] as const)
  expect(new Map(summed)).toEqual(counts)
  expect(summary.calls).toBe(writer.calls)
  const bytes = summary.functions.reduce((sum, { logged, input, output }) => sum + logged + input + output, 0)
  // The rest is the header, the dictionary and what stands around blocks.
  expect(bytes).toBeGreaterThan(log.bytes().length / 3)
  expect(bytes).toBeLessThan(log.bytes().length)
})
