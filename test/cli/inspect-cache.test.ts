import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workplace } from './processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.close())

test('inspect uses the entry that the session has left in the cache, and no other', async () => {
  const cache = join(place.directory, 'stasis')
  const run = ['run', '--name', 'calc', '--snapshot-on', 'call:2', '--stop-after-snapshot', 'echo.wasm']
  expect(await place.run(...run)).toMatchObject({ code: 75 })
  const [entry, ...others] = readdirSync(cache).map((name) => join(cache, name))
  expect(others).toEqual([])
  const good = readFileSync(entry!)
  writeFileSync(entry!, 'damaged')
  expect((await place.run('inspect', 'calc')).out).toMatch(/about to call fd_read\n +0 +pump\n/)
  expect(readFileSync(entry!).equals(good)).toBe(true)
  expect(readdirSync(cache).length).toBe(1)
})
