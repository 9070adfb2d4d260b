// Every example of docs/files.md runs as it stands there, in its order.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { caseNamed, expectedOutcome } from '../programs/cases.ts'
import { listTree } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { machineNode } from '../support/nodes.ts'

const url = (path: string): string => new URL(`../../${path}`, import.meta.url).href
const page = readFileSync(new URL('../../docs/files.md', import.meta.url), 'utf8')
const lines = [...page.matchAll(/^\$ (.*)$/gm)].map((match) => match[1]!)
const [script] = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1]!)
const { available, path, reason } = program('files')

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-docs-'))
  mkdirSync(join(directory, 'data'))
  if (available) cpSync(path, join(directory, 'files.wasm'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function shell(line: string) {
  const cli = fileURLToPath(url('dist/cli.js'))
  const command = line.replace(/^stasis /, `"${machineNode()}" "${cli}" `)
  return spawnSync('sh', ['-c', command], { cwd: directory, encoding: 'utf8' })
}

test.skipIf(!available)(`the command lines${available ? '' : ` (${reason})`}`, { timeout: 60_000 }, () => {
  expect(lines.length).toBe(6)
  const [run, ls, cat, exported] = lines.slice(0, 4).map(shell)
  expect(run!.status, run!.stderr).toBe(75)
  expect(ls!.stdout).toMatch(/\/data\/inner\/ +created-directory|\/data\/inner\/ +directory .* created-directory/)
  expect(ls!.stdout).toMatch(/\/data\/journal\.txt .* created/)
  expect(cat!.stdout).toBe(readFileSync(join(directory, 'data/journal.txt'), 'utf8'))
  expect(cat!.stdout).toMatch(/^wrote inner\/part-0\.txt\n/)
  expect(exported!.status, exported!.stderr).toBe(0)
  expect(listTree(join(directory, 'out/data'), '/data')).toEqual(listTree(join(directory, 'data'), '/data'))

  writeFileSync(join(directory, 'example.mjs'), script!.replace("'stasis/node'", `'${url('dist/node.js')}'`))
  const example = spawnSync(machineNode(), ['--no-warnings', 'example.mjs'], { cwd: directory, encoding: 'utf8' })
  expect(example.status, example.stderr).toBe(0)
  expect(example.stdout).toContain(`${cat!.stdout.length}\n`)

  const [, restored] = lines.slice(4).map(shell)
  expect(restored!.status, restored!.stderr).toBe(0)
  expect(restored!.stderr).toMatch(/Put files back: \d+ files written/)
  expect(listTree(join(directory, 'empty'), '/data')).toEqual(expectedOutcome(caseNamed('files')).files)
})
