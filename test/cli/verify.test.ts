import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workplace } from './processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.close())

test('a module is run, restored at every other call, and compared; its output is on stderr', async () => {
  const { code, out, err } = await place.start('verify', '--torture', '2', 'echo.wasm').end('one\ntwo\n')
  expect(err).toBe('ready\none\ntwo\n')
  expect(out).toMatch(/^verify@1, after 0 calls: same\nverify@2, after 1 call: same\n/)
  expect(out).toMatch(/Checkpoints and log agree; replayed from the beginning\.\n$/)
  expect(code).toBe(0)
})

test('a session that kept its log is compared, also as JSON; one that did not is told how', async () => {
  const keep = ['--keep', '--keep-log', '--snapshot-on', 'call:2']
  await place.run('run', '--name', 'calc', ...keep, 'echo.wasm')
  const { code, out } = await place.run('verify', '--json', 'calc')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toEqual({
    from: 'the beginning',
    compared: [{ name: 'calc@1', call: 1, kind: 'same', details: [] }],
    isSame: true,
  })
  expect((await place.run('verify', 'calc', '--json')).code).toBe(0)
  await place.run('run', '--name', 'short', '--no-log', '--keep', '--snapshot-on', 'call:2', 'echo.wasm')
  expect(await place.run('verify', 'short')).toMatchObject({ code: 1, err: expect.stringContaining('--keep-log') })
  expect(await place.run('verify', 'nobody')).toMatchObject({
    code: 1,
    err: expect.stringContaining('no session named nobody'),
  })
})
