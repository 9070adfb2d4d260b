import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workplace } from './processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.close())

test('a session is watched while it runs, killed, restored, and its log is one', async () => {
  const run = place.start('run', '--name', 'calc', '--keep-log', 'echo.wasm')
  await run.says('ready')
  const follow = place.start('log', 'calc', '--follow')
  await follow.says('0 fd_write(1,')
  run.write('one\n')
  await follow.says('1 fd_read(0, "one\\n") = nread 4')
  expect((await place.run('checkpoint', 'calc', '--label', 'lunch')).code).toBe(0)
  run.write('two\n')
  await follow.says('fd_read(0, "two\\n") = nread 4')
  await follow.says('--- checkpoint 1 (request) "lunch" ---')
  await run.says('two')
  run.child.kill('SIGKILL')
  expect((await follow.finished).code).toBe(0)

  const before = await place.run('log', 'calc')
  // A checkpoint is told when its image is there, which may be some calls later.
  expect(follow.out.split('\n').sort()).toEqual(before.out.split('\n').sort())
  const restored = place.start('restore', 'calc', '--keep', '--keep-log')
  restored.write('three\n')
  await restored.says('three')
  expect((await restored.end()).code).toBe(3)

  const { code, out } = await place.run('log', 'calc')
  expect(code).toBe(0)
  const lines = out.trim().split('\n')
  const reads = lines.filter((line) => line.includes('fd_read(0, "'))
  expect(reads.map((line) => /"(\w+)/.exec(line)![1])).toEqual(['one', 'two', 'three'])
  expect(lines.filter((line) => line.startsWith('---'))[0]).toBe('--- checkpoint 1 (request) "lunch" ---')
  const numbers = lines.flatMap((line) => (line.startsWith('---') ? [] : [Number.parseInt(line, 10)]))
  expect(numbers).toEqual(numbers.map((_, i) => i))
  expect(JSON.parse((await place.run('log', 'calc', '--stats', '--json')).out)).toMatchObject({
    calls: numbers.length,
    gaps: [],
    tail: { complete: true },
  })

  expect((await place.run('report', 'calc', '-o', 'page.html')).code).toBe(0)
  const page = readFileSync(join(place.directory, 'page.html'), 'utf8')
  expect(page).toContain('echo.wasm')
  expect(page).toContain('fd_read(0, &quot;three\\n&quot;) = nread 6')
})
