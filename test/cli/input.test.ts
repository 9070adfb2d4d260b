import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { echo } from '../session/guests.ts'
import { Workplace } from './processes.ts'

const commandLine = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

let place: Workplace
beforeEach(() => {
  place = new Workplace()
  // One byte a call.
  writeFileSync(join(place.directory, 'bytes.wasm'), echo)
})
afterEach(() => place.close())

/** A shell script in which `stasis` is the command. */
function sh(script: string, input = ''): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', `stasis() { "$NODE" "$CLI" "$@"; }\n${script}`], {
    cwd: place.directory,
    env: { PATH: process.env.PATH, NODE: process.execPath, CLI: commandLine, XDG_CACHE_HOME: place.directory },
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return { code: status, out: stdout, err: stderr }
}

const run = (call: number) => `stasis run --name calc --stop-after-snapshot --snapshot-on call:${call} bytes.wasm`

test('what was read ahead from a pipe goes with the checkpoint, and comes before new input', async () => {
  const first = sh(`printf 'one\\ntwo\\nthree\\n' | ${run(9)}`)
  expect(first).toMatchObject({ code: 75, out: 'one\n', err: expect.stringContaining('Checkpoint 1 of calc') })
  const { out } = sh('stasis inspect calc')
  expect(out).toMatch(/input +10 bytes read ahead/)
  const second = sh("printf 'four\\n' | stasis restore --stop-after-snapshot --snapshot-on call:15 calc")
  expect(second).toMatchObject({ code: 75, out: 'two' })
  expect(sh("printf 'four\\n' | stasis restore calc")).toMatchObject({ code: 0, out: '\nthree\nfour\n' })
})

test.each(['cat long.txt |', '< long.txt'])('nothing of the input is lost or given twice: %s', (source) => {
  const long = Array.from({ length: 15_000 }, (_, line) => `${line}\n`).join('')
  writeFileSync(join(place.directory, 'long.txt'), long)
  const both = `{ ${run(2001)}; stasis restore calc; }`
  const { code, out } = sh(source.startsWith('<') ? `${both} ${source}` : `${source} ${both}`)
  expect(code).toBe(0)
  expect(out === long).toBe(true)
})
