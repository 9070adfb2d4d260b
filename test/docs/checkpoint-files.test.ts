// Every example of docs/checkpoint-files.md runs as it stands there.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpointFile } from '../../host-node/checkpoint-file-host.ts'
import { type ProgramName, program } from '../programs/programs.ts'
import { machineNode, newestNode } from '../support/nodes.ts'

const url = (path: string): string => new URL(`../../${path}`, import.meta.url).href
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('docs/checkpoint-files.md')
const examples = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1]!)

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The modules of the page, and what they are built from. */
const modules: readonly [string, ProgramName][] = [
  ['self.wasm', 'stasis-self-stasis'],
  ['count-1.wasm', 'upgrade-1'],
  ['count-2.wasm', 'upgrade-2'],
  ['count-2-without.wasm', 'upgrade-2-without'],
]
const missing = modules.map(([, name]) => program(name)).find(({ available }) => !available)
const why = missing === undefined ? '' : `: ${missing.reason}`

function stasis(cwd: string, words: string): string {
  const { status, stdout, stderr } = spawnSync(machineNode(), [join(root, 'dist/cli.js'), ...words.split(' ')], {
    cwd,
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  return stdout
}

/** What each prints. */
const expected = ['counted to 5000000005, restored 1 times\n', '2 3\n', '4\n', '1,2,3\n']

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
  if (missing !== undefined) return
  for (const [name, from] of modules) copyFileSync(program(from).path, join(directory, name))
  stasis(directory, 'run --keep --name count --dir data::/data count-1.wasm')
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.each([...new Set([machineNode(), newestNode()])])('on %s', (node) => {
  test.each(examples.map((code, i) => ({ code, i })))('example $i', ({ code, i }) => {
    if (code.includes('.wasm') && missing !== undefined) return
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

const code = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]!)

test('the C programs are those that test/checkpoint-file/ runs', () => {
  const upgrade = read('test/programs/src/upgrade-2.c')
    .replace('#ifndef WITHOUT_MIGRATION\n', '')
    .replace('#endif\n', '')
  const sources = ['ckp-steps.c', 'stasis-self.c'].map((name) => read(`test/programs/src/${name}`))
  expect(code('c')).toEqual([...sources, upgrade])
})

test.skipIf(missing !== undefined)(`the AssemblyScript program compiles and runs as it stands there${why}`, () => {
  const folder = join(directory, 'assembly')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  mkdirSync(join(folder, 'data'))
  symlinkSync(root, join(folder, 'node_modules/stasis'))
  symlinkSync(join(root, 'node_modules/@assemblyscript'), join(folder, 'node_modules/@assemblyscript'))
  writeFileSync(join(folder, 'steps.as.ts'), code('ts')[0]!)
  const [, words] = /^npx asc (.*)$/m.exec(page)!
  const asc = join(root, 'node_modules/assemblyscript/bin/asc.js')
  const compiled = spawnSync(machineNode(), [asc, ...words!.split(' ')], { cwd: folder, encoding: 'utf8' })
  expect(compiled.status, compiled.stderr).toBe(0)
  const run = () => stasis(folder, 'run --dir data::/data steps.wasm')
  expect(run()).toMatch(/^saved step 1\n.*saved step 8\n$/s)
  expect(run()).toBe('restored step 7, 28\nsaved step 8\n')
})

test.skipIf(missing !== undefined)(`the commands print what stands below them${why}`, () => {
  const sessions = [...page.matchAll(/^```sh\n((?:stasis .*\n)+)```\n\n```\n([\s\S]*?)^```$/gm)]
  expect(sessions.length).toBe(2)
  rmSync(join(directory, '.stasis'), { recursive: true })
  for (const [, commands, output] of sessions) {
    const lines = commands!.trim().split('\n')
    expect(lines.map((line) => stasis(directory, line.replace(/^stasis /, ''))).join('')).toBe(output)
  }
})

test('every function of the C library is in the page', () => {
  const names = [...read('wasm-shim/guest/c/ckp_util.h').matchAll(/^\S.* \*?(ckp\w+)\(/gm)].map((match) => match[1]!)
  expect(names.length).toBe(17)
  expect(names.filter((name) => !page.includes(`${name}(`))).toEqual([])
})
