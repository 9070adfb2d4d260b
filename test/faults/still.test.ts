import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Stasis, Workplace } from '../cli/processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.close())

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function kill(one: Stasis): Promise<string> {
  one.child.kill('SIGKILL')
  return (await one.finished).out
}

test('a program that is killed while it waits for stdin reads on', async () => {
  const first = place.start('run', '--name', 's', 'echo.wasm')
  await first.says('ready')
  first.write('one\n')
  await first.says('one')
  expect(await kill(first)).toBe('ready\none\n')
  const second = place.start('restore', 's')
  await second.says('had read 4 bytes of its stdin', 'err')
  second.write('two\n')
  await second.says('two')
  expect(await kill(second)).toBe('two\n')
  const third = place.start('restore', 's')
  await third.says('had read 8 bytes of its stdin', 'err')
  expect(await third.end('three\n')).toMatchObject({ code: 3, out: 'three\n' })
})

test('a program that is killed while it sleeps sleeps on', async () => {
  const first = place.start('run', '--name', 's', 'sleep.wasm')
  await first.says('ready')
  await pause(200)
  expect(await kill(first)).toBe('ready\n')
  const second = place.start('restore', 's')
  await pause(400)
  expect(await kill(second)).toBe('')
  expect(await place.run('restore', 's')).toMatchObject({ code: 0, out: 'woke\n' })
})

test('a program that is killed while it computes without a call goes on from its last keyframe', async () => {
  const first = place.start('run', '--name', 's', '--max-recovery', '100ms', 'compute.wasm')
  await first.says('ready')
  await pause(350)
  expect(await kill(first)).toBe('ready\n')
  const second = place.start('restore', 's', '--max-recovery', '100ms')
  await pause(350)
  expect(await kill(second)).toBe('')
  // Without a keyframe there would be no more than the log.
  expect((await place.run('ls', 's')).out).toContain('keyframe')
  expect(await place.run('restore', 's')).toMatchObject({ code: 7, out: 'sum ok\n' })
})

test('of two that restore a session at once, one is told that it is busy', async () => {
  const first = place.start('run', '--name', 's', 'echo.wasm')
  await first.says('ready')
  await kill(first)
  for (let round = 0; round < 4; round++) {
    const both = [place.start('restore', 's'), place.start('restore', 's')] as const
    const loser = await Promise.race(both.map((one) => one.finished.then(() => one)))
    const winner = both.find((one) => one !== loser)!
    const { code, err, out } = await loser.finished
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/STASIS_SESSION_BUSY|is running|in use|busy/)
    winner.write('x\n')
    await winner.says('x')
    await kill(winner)
  }
  const last = place.start('restore', 's')
  await last.says('had read 8 bytes', 'err')
  expect((await last.end('')).code).toBe(4)
})
