// Canned runs of the test programs: deterministic, small, each with its recorded outcome in expected/.
import { existsSync, readFileSync } from 'node:fs'
import type { ProgramName } from './programs.ts'

export interface ProgramCase {
  /** Unique; the outcome is in expected/NAME.json. */
  readonly name: string
  readonly program: ProgramName
  /** Without argv[0], which is the program's `argv0`. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly stdin: string
  /** Guest folders, each a fresh directory of its own. */
  readonly mounts: readonly string[]
  /** Content put below the mounts before the run, by guest path. */
  readonly files: Readonly<Record<string, string>>
  /** What differs from run to run; replaced by `~` on both sides before comparing. */
  readonly volatile?: RegExp
}

export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** Every file below the mounts after the run: its text, or `sha256:HEX` where that is long or not text. */
  readonly files: Readonly<Record<string, string>>
}

const guest = (name: string): string => readFileSync(new URL(`guest/${name}`, import.meta.url), 'utf8')

type Given = Pick<ProgramCase, 'name' | 'program'> & Partial<ProgramCase>

const define = (given: Given): ProgramCase => ({ args: [], env: {}, stdin: '', mounts: [], files: {}, ...given })

const withScript = (name: string, program: ProgramName, script: string, args: readonly string[] = []): ProgramCase =>
  define({
    name,
    program,
    args: [`/data/${script}`, ...args],
    mounts: ['/data'],
    files: { [`/data/${script}`]: guest(script) },
  })

const python = (name: string, script: string, rest: Partial<ProgramCase> = {}): ProgramCase =>
  define({
    ...withScript(name, 'cpython', script),
    // Without these the order of sets and the files written depend on chance and on the clock.
    env: { PYTHONHASHSEED: '0', PYTHONDONTWRITEBYTECODE: '1' },
    ...rest,
  })

export const cases: readonly ProgramCase[] = [
  withScript('lua-closures', 'lua', 'closures.lua', ['/data']),
  withScript('lua-queens', 'lua', 'queens.lua', ['6']),
  withScript('lua-mandelbrot', 'lua', 'mandelbrot.lua', ['36']),
  withScript('lua-strings', 'lua', 'strings.lua', ['5']),
  withScript('lua-eh-closures', 'lua-eh', 'closures.lua', ['/data']),
  withScript('lua-eh-errors', 'lua-eh', 'errors.lua'),
  withScript('lua-exnref-errors', 'lua-exnref', 'errors.lua'),
  define({
    name: 'lua-eh-stdin',
    program: 'lua-eh',
    args: ['-'],
    stdin: 'local t = {}\nfor i = 1, 9 do t[i] = i * i print(i, t[i]) end\nprint(#t, pcall(error))\n',
  }),
  define({
    name: 'sqlite-shop',
    program: 'sqlite',
    args: ['/data/shop.db'],
    env: { HOME: '/data' },
    stdin: guest('shop.sql'),
    mounts: ['/data'],
  }),
  define({
    name: 'sqlite-memory',
    program: 'sqlite',
    args: [':memory:'],
    env: { HOME: '/' },
    stdin: guest('memory.sql'),
  }),
  define({ name: 'runno-sqlite-memory', program: 'runno-sqlite', env: { HOME: '/' }, stdin: guest('memory.sql') }),
  define({
    name: 'speedtest1',
    program: 'speedtest1',
    args: ['--size', '2', '--verify', '--memdb'],
    volatile: /\d+\.\d{3}s/g,
  }),
  python('cpython-session', 'session.py', { args: ['/data/session.py', '/data'] }),
  python('cpython-ask', 'ask.py', { stdin: 'hello\nworld\nlast line without end' }),
  withScript('ruby-blocks', 'ruby', 'blocks.rb', ['/data']),
  define({ name: 'as-life', program: 'as-life', args: ['24', '60', '10'] }),
  define({ name: 'as-life-minimal', program: 'as-life-minimal', args: ['24', '60', '10'] }),
  define({ name: 'cpp-eh', program: 'cpp-eh' }),
  define({ name: 'cpp-eh-exnref', program: 'cpp-eh-exnref' }),
  define({ name: 'longjmp', program: 'longjmp' }),
  define({ name: 'longjmp-exnref', program: 'longjmp-exnref' }),
  define({ name: 'matrix', program: 'matrix', args: ['40', '6'] }),
  define({ name: 'sieve', program: 'sieve', args: ['200000'] }),
  define({ name: 'hash', program: 'hash', args: ['20000'] }),
  define({ name: 'nbody', program: 'nbody', args: ['20000'] }),
  define({ name: 'files', program: 'files', args: ['/data'], mounts: ['/data'] }),
  define({ name: 'effects', program: 'effects', args: ['/data', '4'], mounts: ['/data'] }),
  define({ name: 'rust', program: 'rust', args: ['/data'], mounts: ['/data'] }),
  // Go's scheduler reads the clock as it likes: the same output, not always the same number of calls.
  define({ name: 'go', program: 'go', args: ['/data'], mounts: ['/data'] }),
  define({ name: 'echo-lines', program: 'echo-lines', stdin: 'one\ntwo words\n\nlast' }),
  define({ name: 'simulation', program: 'simulation', args: ['48', '1000', '250'] }),
]

export const caseNamed = (name: string): ProgramCase => {
  const found = cases.find((each) => each.name === name)
  if (!found) throw new Error(`There is no test program case named ${name}.`)
  return found
}

const expectedUrl = (name: string): URL => new URL(`expected/${name}.json`, import.meta.url)

/** The outcome recorded from node:wasi. */
export function expectedOutcome(each: ProgramCase): Outcome {
  const url = expectedUrl(each.name)
  if (!existsSync(url)) throw new Error(`No outcome is recorded for ${each.name}; see test/programs/programs.test.ts.`)
  return JSON.parse(readFileSync(url, 'utf8')) as Outcome
}

/** What must be equal between two runs. */
export const comparable = (each: ProgramCase, outcome: Outcome): Outcome =>
  each.volatile === undefined ? outcome : { ...outcome, stdout: outcome.stdout.replace(each.volatile, '~') }
