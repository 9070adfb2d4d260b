// "stasis diff" between versions of a program that registers a region and writes files below a directory of the host.
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { program } from '../programs/programs.ts'
import { Workplace } from './processes.ts'

const steps = program('ckp-steps-stasis')

let place: Workplace
beforeEach(async () => {
  place = new Workplace()
  mkdirSync(join(place.directory, 'data'))
  if (!steps.available) return
  copyFileSync(steps.path, join(place.directory, 'steps.wasm'))
  const triggers = ['--snapshot-on', 'call:40', '--snapshot-on', 'call:60']
  await place.run('run', '--keep', '--keep-log', '--name', 'calc', '--dir', 'data::/data', ...triggers, 'steps.wasm')
})
afterEach(() => place.close())

describe.skipIf(!steps.available)(`versions of a C program${steps.available ? '' : ` (${steps.reason})`}`, () => {
  test('differ by regions with their names, and by files of the host', async () => {
    const { code, out } = await place.run('diff', 'calc@1', 'calc@2')
    expect(code).toBe(1)
    expect(out).toMatch(/^region state \(80 KB\): [\d,]+ bytes changed$/m)
    expect(out).toMatch(/^file \/data\/steps\.ckp \([\d.]+ KB, then [\d.]+ KB\): changed$/m)
    const { regions, files } = JSON.parse((await place.run('diff', 'calc@1', 'calc@2', '--json')).out)
    expect(regions).toEqual([{ name: 'state', change: 'changed', length: 80008, bytes: expect.any(Number) }])
    expect(files.map(({ path }: { path: string }) => path)).toEqual(['/data/steps.ckp', '/data/steps.ckp.index'])
    expect(files[0].from).toBeLessThan(files[0].to)
  })

  test('do not differ from themselves', async () => {
    const same = await place.run('diff', 'calc@2', 'calc@2', '--json')
    expect(same.code).toBe(0)
    expect(JSON.parse(same.out)).toMatchObject({ regions: [], files: [], descriptors: [] })
  })

  test('where a replay stopped, files are listed as what the session did with them', async () => {
    await place.run('replay', 'calc', '--goto', '50', '--save', 'then')
    const { out } = await place.run('files', 'then')
    expect(out).toMatch(/^\/data\/steps\.ckp +created, content left out$/m)
    expect(out).not.toContain('removed')
  })
})
