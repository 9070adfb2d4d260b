// Every example of docs/checkpoint-files.md runs as it stands there.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpointFile } from '../../host-node/checkpoint-file-host.ts'
import { machineNode, newestNode } from '../support/nodes.ts'

const url = (path: string): string => new URL(`../../${path}`, import.meta.url).href
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('docs/checkpoint-files.md')
const examples = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1]!)

/** What each prints. */
const expected = ['2 3\n', '4\n', '1,2,3\n']

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-docs-'))
  mkdirSync(join(directory, 'data'))
  // What the C program leaves when it is killed after step 5.
  const file = openCheckpointFile(join(directory, 'data/steps.ckp'))
  const state = new Uint8Array(80_008)
  const region = file.register('state', state)
  for (let step = 1; step <= 5; step++) {
    state[0] = step
    file.save(region)
  }
  file.close()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.each([...new Set([machineNode(), newestNode()])])('on %s', (node) => {
  test.each(examples.map((code, i) => ({ code, i })))('example $i', ({ code, i }) => {
    const script = join(directory, 'example.mjs')
    rmSync(join(directory, 'state.ckp'), { force: true })
    const text = code
      .replaceAll("from 'stasis'", `from '${url('dist/index.js')}'`)
      .replaceAll("from 'stasis/node'", `from '${url('dist/node.js')}'`)
    writeFileSync(script, text)
    const { status, stdout, stderr } = spawnSync(node, ['--no-warnings', script], { cwd: directory, encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    expect(stdout).toBe(expected[i])
  })
})

test('every example is checked', () => expect(examples.length).toBe(expected.length))

test('the C program is the one that test/checkpoint-file/c-guest.test.ts kills and starts again', () => {
  expect(/^```c\n([\s\S]*?)^```$/m.exec(page)?.[1]).toBe(read('test/programs/src/ckp-steps.c'))
})

test('every function of the C library is in the page', () => {
  const names = [...read('wasm-shim/guest/c/ckp_util.h').matchAll(/^\S.* \*?(ckp\w+)\(/gm)].map((match) => match[1]!)
  expect(names.length).toBe(15)
  expect(names.filter((name) => !page.includes(`${name}(`))).toEqual([])
})
