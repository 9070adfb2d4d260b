import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { gcGuest } from '../support/gc-guest.ts'
import { newestNode } from '../support/nodes.ts'
import { withoutNewest } from '../support/on-newest.ts'
import { titled } from '../support/titled.ts'
import { Workplace } from './processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace(newestNode())
  writeFileSync(join(place.directory, 'gc.wasm'), gcGuest())
})
afterEach(() => place.close())

const fallsBack = 'stasis: Running log-only, without checkpoints; what brings the session back is its call log. The '

test('with --engine log-only Ctrl-Z stops without a checkpoint, and restore goes on from the log', async () => {
  const first = place.start('run', '--name', 'calc', '--engine', 'log-only', 'echo.wasm')
  first.write('one\n')
  await first.says('ready\none\n')
  first.child.kill('SIGTSTP')
  const stopped = await first.finished
  expect(stopped.code).toBe(75)
  expect(stopped.err).toMatch(/calc has stopped after 3 calls\. Its log has all it did; resuming does it again\./)
  expect(stopped.err).toMatch(/Resume with: .* restore calc/)
  const again = place.start('restore', 'calc')
  again.write('two\n')
  await again.says('two\n')
  const checkpoint = await place.run('checkpoint', 'calc')
  expect(checkpoint).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_CAPTURE_LOG_ONLY') })
  expect(await place.run('checkpoint', 'calc', '--stop')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/calc has stopped after \d+ calls\..*\nResume with: /),
  })
  expect((await again.finished).code).toBe(75)
  expect(await place.start('restore', 'calc').end('three\n')).toMatchObject({ code: 3, out: 'three\n' })
})

test('log-only without a log is refused, and the sentence says what to do', async () => {
  const { code, err } = await place.run('run', '--engine', 'log-only', '--no-log', 'args.wasm')
  expect(code).toBe(1)
  expect(err).toContain('leave out --no-log')
})

test('whoever waits for a loop without calls is told that there are no polls', async () => {
  const session = place.start('run', '--engine', 'log-only', 'spin.wasm')
  await session.says('ready')
  session.child.kill('SIGTSTP')
  await session.says('a loop without calls cannot be stopped', 'err')
  session.child.kill('SIGINT')
  expect((await session.finished).code).toBe(130)
})

const reason = withoutNewest()
test.skipIf(reason !== undefined)(
  titled('a module with garbage collection runs log-only, is killed, and goes on', reason),
  async () => {
    const first = place.start('run', '--name', 'gc', 'gc.wasm')
    await first.says(fallsBack, 'err')
    first.write('abc')
    await first.says('abc')
    first.child.kill('SIGKILL')
    await first.finished
    const again = await place.start('restore', 'gc').end('de')
    expect(again).toMatchObject({ code: 5, out: 'de' })
    const without = await place.run('run', '--no-log', 'gc.wasm')
    expect(without).toMatchObject({ code: 1, err: expect.stringMatching(/garbage collection.*leave out --no-log/s) })
    const inspected = await place.run('inspect', 'gc.wasm')
    expect(inspected.out).toContain('Can be run, without checkpoints.')
  },
)
