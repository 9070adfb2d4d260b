import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writable } from '../support/codecs.ts'
import { damageVersion } from '../support/damage-version.ts'
import { Workplace } from './processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.close())

const file = () => join(place.directory, '.stasis/sessions/calc/checkpoints.ckp')
const numbers = async () => {
  const [session] = JSON.parse((await place.run('ls', '--json')).out)
  return session.versions.map(({ version }: { version: number }) => version)
}

/** A session with so many checkpoints, stopped. */
async function withVersions(count: number, ...options: string[]): Promise<void> {
  const session = place.start('run', '--name', 'calc', ...options, 'echo.wasm')
  await session.says('ready')
  for (let version = 1; version < count; version++)
    await place.run('checkpoint', 'calc', '--label', `number ${version}`)
  await place.run('checkpoint', 'calc', '--stop')
  await session.finished
}

test('versions are listed with what they added, thinned out by gc, and the file shrinks when it is compacted', async () => {
  await withVersions(5)
  const { out } = await place.run('ls', 'calc')
  expect(out).toMatch(/VERSION +TIME +CAUSE +SIZE +ADDED +LABEL/)
  expect(out).toContain('number 3')
  const [session] = JSON.parse((await place.run('ls', '--json')).out)
  expect(session.versions[4].added).toBeLessThan(session.versions[0].added)
  const { sessions } = JSON.parse((await place.run('gc', '--keep', '2', '--json')).out)
  expect(sessions).toMatchObject([{ name: 'calc', removed: [1, 2, 3] }])
  expect(sessions[0].after).toBeLessThanOrEqual(sessions[0].before)
  expect(await numbers()).toEqual([4, 5])
  expect(await place.run('compact', 'calc')).toMatchObject({ code: 0, out: expect.stringContaining('calc: ') })
  expect(await place.run('gc', 'nobody')).toMatchObject({ code: 1, err: expect.stringContaining('no session named') })
  expect(await place.start('restore', 'calc').end('x\n')).toMatchObject({ out: 'x\n' })
})

test('--keep N keeps the newest while the session runs; --keep alone keeps all', async () => {
  await withVersions(4, '--keep', '2')
  expect(await numbers()).toEqual([3, 4])
  expect(await place.run('run', '--keep=0', 'echo.wasm')).toMatchObject({ code: 2 })
})

test('--codec keeps checkpoints smaller, compact changes it, and what this Node cannot write is refused', async () => {
  await withVersions(2, '--codec', 'deflate')
  const size = () => readFileSync(file()).length
  const deflated = size()
  expect(await place.run('compact', 'calc', '--codec', 'stored')).toMatchObject({ code: 0 })
  expect(size()).toBeGreaterThan(deflated * 1.5)
  expect(await place.run('compact', 'calc', '--codec', 'deflate')).toMatchObject({ code: 0 })
  expect(size()).toBeLessThan(deflated * 1.1)
  const result = await place.run('compact', 'calc', '--codec', 'zstd')
  const begun = await place.run('run', '--codec', 'zstd', '--name', 'other', 'echo.wasm')
  if (writable.includes('zstd')) expect([result.code, begun.code]).toEqual([0, 0])
  else {
    expect(result).toMatchObject({ code: 1, err: expect.stringContaining('Use Node 22.15 or later') })
    expect(begun).toMatchObject({ code: 1, err: expect.stringContaining('Use Node 22.15 or later') })
    expect(await place.run('restore', 'calc', '--codec', 'zstd')).toMatchObject({ code: 1 })
  }
  expect(await place.run('run', '--codec', 'gzip', 'echo.wasm')).toMatchObject({ code: 2 })
  expect(await place.start('restore', 'calc', '--codec', 'deflate').end('x\n')).toMatchObject({ out: 'x\n' })
})

test('two checkpoints are compared, and one with itself is the same', async () => {
  await withVersions(2)
  const same = await place.run('diff', 'calc@1', 'calc@1')
  expect(same).toMatchObject({ code: 0, out: expect.stringContaining('the same') })
  const report = JSON.parse((await place.run('diff', 'calc@1', 'calc@2', '--json')).out)
  expect(report).toMatchObject({ memories: [{ instance: 0, memory: 0 }], descriptors: [], files: [] })
})

test('a checkpoint as JSON and back is the same image, which is verified as the checkpoint file is', async () => {
  await withVersions(2)
  writeFileSync(join(place.directory, 'calc.json'), (await place.run('inspect', 'calc', '--json', '--full')).out)
  expect(await place.run('image', 'calc.json', '--output', 'calc.ckpt')).toMatchObject({ code: 0 })
  writeFileSync(join(place.directory, 'again.json'), (await place.run('inspect', 'calc.ckpt', '--json', '--full')).out)
  expect(readFileSync(join(place.directory, 'again.json'), 'utf8')).toBe(
    readFileSync(join(place.directory, 'calc.json'), 'utf8'),
  )
  expect(await place.run('diff', 'calc@2', 'calc.ckpt')).toMatchObject({ code: 0 })
  expect((await place.run('verify', 'calc.ckpt')).out).toContain('every byte is as it was written')
  expect((await place.run('verify', file())).out).toContain('2 versions')
  writeFileSync(file(), damageVersion(readFileSync(file()), 2))
  expect(await place.run('verify', file())).toMatchObject({
    code: 1,
    err: expect.stringContaining('STASIS_CKP_DAMAGED'),
  })
})
