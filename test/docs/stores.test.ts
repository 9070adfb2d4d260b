// Every example of docs/stores.md runs as it stands there.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { wat } from '../session/guests.ts'

/** Writes four lines. */
const guest = wat(`(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hello\\n")
  (func (export "_start") (local $i i32)
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 6))
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 28)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))))`)

const root = fileURLToPath(new URL('../../', import.meta.url))
const page = readFileSync(join(root, 'docs/stores.md'), 'utf8')
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, code]) => code!)

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-docs-'))
  writeFileSync(join(directory, 'count.wasm'), guest)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function shell(line: string) {
  const command = line.replace(/^stasis/, `"${process.execPath}" --no-warnings "${join(root, 'dist/cli.js')}"`)
  const env = { ...process.env, XDG_CACHE_HOME: directory, TMPDIR: directory }
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: directory, env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('the command lines do what they say', () => {
  const [first, sealed] = blocks('console').map((block) => block.match(/(?<=^\$ ).*$/gm)!.map(shell))
  // One line before the checkpoint, three after it; then the copy of that goes on.
  expect(first!.map(({ status }) => status)).toEqual([75, 0, 0, 0])
  expect(first![1]!.stdout).toContain('count')
  expect(first![0]!.stdout + first![3]!.stdout).toBe('hello\n'.repeat(4))
  expect(sealed!.map(({ status }) => status)).toEqual([0, 75, 0, 0])
  expect(sealed![1]!.stdout + sealed![3]!.stdout).toBe('hello\n'.repeat(4))
  expect(shell('stasis ls --store sealed').stderr).toContain('STASIS_KEY_NEEDED')
})

test('the program copies the session', () => {
  const script = join(directory, 'example.mjs')
  const [code] = blocks('js')
  writeFileSync(script, code!.replace(`'stasis/node'`, JSON.stringify(join(root, 'dist/node.js'))))
  const made = shell('stasis run --store sqlite:x.db --name again --keep-log count.wasm')
  expect(made.status).toBe(0)
  expect(shell(`"${process.execPath}" --no-warnings example.mjs`)).toMatchObject({ status: 0, stdout: 'twin true\n' })
  expect(shell('stasis ls --store backup').stdout).toContain('twin')
})
