// Every example of docs/interceptors.md runs as it stands there.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wat } from '../session/guests.ts'
import { machineNode, newestNode } from '../support/nodes.ts'

/** Reads the clock, sleeps an hour if nobody hinders it, makes a file fail to open, writes a line, exits with 3. */
const guest = wat(`(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hello\\n")
  (func (export "_start") (local $i i32)
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 6))
    (loop $again
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 28)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6))))
    (call $exit (i32.const 3))))`)

const url = (path: string): string => new URL(`../../${path}`, import.meta.url).href
const page = readFileSync(new URL('../../docs/interceptors.md', import.meta.url), 'utf8')

/** One example a section; the first one stands before all headings. */
const examples = page.split(/^## /m).flatMap((section, number) => {
  const code = /^```js\n([\s\S]*?)^```$/m.exec(section)?.[1]
  const title = number === 0 ? 'a first one' : section.slice(0, section.indexOf('\n'))
  return code === undefined ? [] : [{ title, code }]
})

/** What each example prints, but for what the guest does. */
const expected: Readonly<Record<string, RegExp>> = {
  'a first one': /wasi_snapshot_preview1\.clock_time_get/,
  'trace: every call as a line, as strace does': /fd_write\(1, "hello\\n"\) = nwritten 6/,
  'record, replay: a log of all calls, and a run that needs no host': /^true$/m,
  'limit: calls, bytes, time': /^STASIS_LIMIT_CALLS$/m,
  'virtualTime: clocks that move by being looked at': /^(hello\n){6}$/,
  'faults: a full disk, a vanished file': /^(hello\n){5}$/,
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-docs-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.each([...new Set([machineNode(), newestNode()])])('on %s', (node) => {
  test.each(examples)('$title', ({ title, code }) => {
    writeFileSync(join(directory, 'guest.wasm'), guest)
    const script = join(directory, 'example.mjs')
    const setup = `import { readFileSync } from 'node:fs'
      import { WASI as NodeWasi } from 'node:wasi'
      const bytes = new Uint8Array(readFileSync(${JSON.stringify(join(directory, 'guest.wasm'))}))
      const wasi = new NodeWasi({ version: 'preview1', returnOnExit: true })\n`
    writeFileSync(script, setup + code.replaceAll("from 'stasis'", `from '${url('dist/index.js')}'`))
    const { status, stdout, stderr } = spawnSync(node, ['--no-warnings', script], { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    expect(Object.keys(expected)).toContain(title)
    expect(stdout).toMatch(expected[title]!)
  })
})

test('every example is checked', () => {
  expect(examples.map(({ title }) => title)).toEqual(Object.keys(expected))
})
