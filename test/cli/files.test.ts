// What the command line says and does about files that a session has written below a directory of the host.
import { appendFileSync, copyFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { program } from '../programs/programs.ts'
import { Workplace } from './processes.ts'

const steps = program('ckp-steps-stasis')

let place: Workplace
beforeEach(async () => {
  place = new Workplace()
  mkdirSync(path('data'))
  if (!steps.available) return
  copyFileSync(steps.path, path('steps.wasm'))
})
afterEach(() => place.close())

const path = (name: string) => join(place.directory, name)
const granted = ['--dir', 'data::/data'] as const
const stopped = (...words: string[]) =>
  place.run('run', '--name', 'calc', ...granted, '--snapshot-on', 'call:60', ...words, 'steps.wasm')

describe.skipIf(!steps.available)(`a session with files${steps.available ? '' : ` (${steps.reason})`}`, () => {
  test('whose contents were left out is put back by its log, also without a number of a version', async () => {
    expect(await stopped('--max-file-bytes', '0', '--keep-log', '--stop-after-snapshot')).toMatchObject({ code: 75 })
    cpSync(path('data'), path('before'), { recursive: true })
    appendFileSync(path('data/steps.ckp'), 'junk')
    const refused = await place.run('restore', 'calc', ...granted)
    expect(refused.err).toMatch(/steps\.ckp changed.*--files restore.*--files keep.*STASIS_FILE_CHANGED/s)
    const restored = await place.run('restore', 'calc', ...granted, '--files', 'restore')
    expect(restored).toMatchObject({ code: 0, err: expect.stringContaining('Put files back: 1 file written') })
    expect(readFileSync(path('data/steps.ckp')).subarray(0, 1000)).toEqual(
      readFileSync(path('before/steps.ckp')).subarray(0, 1000),
    )
  })

  test('that was killed is exported with a word about the files that its log does not hold', async () => {
    const running = place.start('run', '--name', 'calc', ...granted, 'steps.wasm', 'wait')
    await running.says('saved step 5')
    running.child.kill('SIGKILL')
    await running.finished
    expect(await place.run('export', 'calc')).toMatchObject({ code: 0, err: expect.stringContaining('are not in it') })
    await place.run('restore', 'calc', ...granted, '--snapshot-on', 'first-stdin', '--stop-after-snapshot')
    expect(await place.run('export', 'calc', '-o', 'whole.stasis')).toMatchObject({ code: 0, err: '' })
    mkdirSync(path('empty'))
    const there = await place.run(
      'restore',
      'whole.stasis',
      '--name',
      'there',
      '--dir',
      'empty::/data',
      '--files',
      'restore',
    )
    expect(there).toMatchObject({ code: 0, out: 'saved step 6\nsaved step 7\nsaved step 8\n' })
  })

  test('keeps them in a fork of a checkpoint, and shows them in an exported file', async () => {
    expect(await stopped('--stop-after-snapshot')).toMatchObject({ code: 75 })
    for (const from of ['calc', 'calc@1']) {
      const name = from.replace('@', '-fork-')
      await place.run('fork', from, `${name}x`)
      expect((await place.run('diff', 'calc@1', `${name}x`)).out).not.toContain('file /data')
      const { code, out } = await place.run('restore', `${name}x`)
      expect([code, out]).toEqual([0, 'saved step 7\nsaved step 8\n'])
    }
    await place.run('export', 'calc')
    expect((await place.run('files', 'calc.stasis')).out).toMatch(/^\/data\/steps\.ckp +[\d.]+ KB .* created$/m)
  })

  test('that runs is pushed with them, so that the copy can be gone on from anywhere', async () => {
    const running = place.start('run', '--name', 'calc', ...granted, 'steps.wasm', 'wait')
    await running.says('saved step 5')
    const server = place.start('serve', '--store', 'there', '--port', '0', '--json')
    await server.says('\n')
    const { url } = JSON.parse(server.out) as { readonly url: string }
    expect(await place.run('push', 'calc', url)).toMatchObject({ code: 0, err: '' })
    expect((await place.run('files', 'calc', '--store', 'there')).out).toMatch(/^\/data\/steps\.ckp .* created$/m)
    server.child.kill('SIGTERM')
    await server.finished
    await place.run('fork', 'calc@1', 'mine', '--store', 'there')
    const { code, out } = await place.run('restore', 'mine', '--store', 'there')
    expect([code, out]).toEqual([0, 'saved step 6\nsaved step 7\nsaved step 8\n'])
  })

  test('in an overlay goes on without it, and says how many it has with it', async () => {
    const overlay = ['--dir', 'data::/data:overlay', '--snapshot-on', 'call:60', '--stop-after-snapshot']
    expect((await place.run('run', '--name', 'calc', ...overlay, 'steps.wasm')).code).toBe(75)
    const { code, out, err } = await place.run('restore', 'calc')
    expect([code, out]).toEqual([0, 'saved step 7\nsaved step 8\n'])
    expect(err).toContain('with the 2 files that the checkpoint carries')
  })

  test('is told where regions of another program are asked for that does not exist', async () => {
    const { code, err } = await place.run('run', ...granted, '--regions-from', 'nobody', 'steps.wasm')
    expect([code, err]).toEqual([1, expect.stringContaining('STASIS_SESSION_UNKNOWN')])
  })
})
