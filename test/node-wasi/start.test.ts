// How programs start and end under both classes, each in a process of its own.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodes, type RunRequest, runProgram } from './child.ts'
import { moduleFiles, programText, start, words } from './guests.ts'

const exit = (code: number | string) => `(call $proc_exit ${typeof code === 'number' ? `(i32.const ${code})` : code})`
/** Writes `length` bytes from 64 to a descriptor. */
const write = (fd: number, length: string) => `
  (i32.store (i32.const 32) (i32.const 64)) (i32.store (i32.const 36) ${length})
  (drop (call $fd_write (i32.const ${fd}) (i32.const 32) (i32.const 1) (i32.const 40)))`
const read = (fd: number) => `
  (i32.store (i32.const 32) (i32.const 64)) (i32.store (i32.const 36) (i32.const 50000))
  (drop (call $fd_read (i32.const ${fd}) (i32.const 32) (i32.const 1) (i32.const 40)))`

/** Prints the strings that a sizes_get and a get give, zeros and all, and exits with 10 times their number. */
const strings = (name: string) =>
  programText(
    [`${name}_sizes_get`, `${name}_get`, 'fd_write', 'proc_exit'],
    start(
      `(if (call $${name}_sizes_get (i32.const 0) (i32.const 4)) (then ${exit(1)}))`,
      `(if (call $${name}_get (i32.const 50000) (i32.const 64)) (then ${exit(2)}))`,
      write(1, '(i32.load (i32.const 4))'),
      exit('(i32.mul (i32.load (i32.const 0)) (i32.const 10))'),
    ),
  )

const files = moduleFiles({
  returns: programText(['sched_yield'], start()),
  'exits-0': programText(['proc_exit'], start(exit(0))),
  'exits-7': programText(['proc_exit'], start(exit(7))),
  'exits-256': programText(['proc_exit'], start(exit(256))),
  'exits--1': programText(['proc_exit'], start(exit(-1))),
  traps: programText([], start('unreachable')),
  recurses: programText([], `(func $f (call $f)) ${start('(call $f)')}`),
  reactor: programText([], '(func (export "_initialize"))'),
  both: programText([], '(func (export "_initialize")) (func (export "_start"))'),
  'start-section': programText(
    ['sched_yield'],
    '(func $s (drop (call $sched_yield))) (start $s) (func (export "_start"))',
  ),
  'no-memory': '(module (func (export "_start")))',
  'unknown-import': '(module (import "wasi_snapshot_preview1" "fd_fly" (func)) (memory (export "memory") 1))',
  args: strings('args'),
  environ: strings('environ'),
  copy: programText(['fd_read', 'fd_write'], start(read(0), write(1, '(i32.load (i32.const 40))'))),
  'both-outputs': programText(
    ['fd_write'],
    start(write(1, '(i32.const 4)'), write(2, '(i32.const 3)'), write(1, '(i32.const 5)')),
    { 64: 'one two' },
  ),
  preopens: programText(
    ['fd_prestat_get', 'fd_prestat_dir_name', 'fd_write', 'proc_exit'],
    `${start(
      '(local $fd i32) (local.set $fd (i32.const 3))',
      `(loop $next
         (if (call $fd_prestat_get (local.get $fd) (i32.const 0)) (then ${exit('(local.get $fd)')}))
         (drop (call $fd_prestat_dir_name (local.get $fd) (i32.const 64) (i32.load (i32.const 4))))
         ${write(1, '(i32.load (i32.const 4))')}
         (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
         (br $next))`,
    )}`,
  ),
  'create-file': programText(
    ['path_open', 'fd_write', 'proc_exit'],
    start(
      // oflags creat; rights fd_write.
      `(call $path_open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 7) (i32.const 1)
         (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 200))`,
      '(if (then (call $proc_exit (i32.const 9))))',
      `(i32.store (i32.const 32) (i32.const 128)) (i32.store (i32.const 36) (i32.const 7))
       (drop (call $fd_write (i32.load (i32.const 200)) (i32.const 32) (i32.const 1) (i32.const 40)))`,
    ),
    { 128: 'new.txt', 32: words(0) },
  ),
})

type Name = Parameters<typeof files.path>[0]

interface Case {
  readonly title: string
  readonly program: Name
  readonly request?: Omit<RunRequest, 'path'>
}

const withOptions = (title: string, program: Name, options: Record<string, unknown>): Case => ({
  title,
  program,
  request: { options },
})

const cases: readonly Case[] = [
  ...(['returns', 'exits-0', 'exits-7', 'exits-256', 'exits--1', 'traps', 'reactor', 'both'] as const).map(
    (program) => ({ title: program, program }),
  ),
  { title: 'a recursion without end', program: 'recurses' },
  { title: 'no memory', program: 'no-memory' },
  withOptions('arguments', 'args', { args: ['app', '', 'größer', 5, 'a b'] }),
  withOptions('an argument with a zero', 'args', { args: ['a\0b', 'c'] }),
  withOptions('an environment', 'environ', { env: { A: '1', B: '', C: 5, D: 'x=y', E: 'ö' } }),
  withOptions('preopens', 'preopens', { preopens: { '/a': '/', b: '.', '': '/tmp' } }),
  { title: 'stdin and stdout', program: 'copy', request: { stdin: 'some text\n' } },
  { title: 'no stdin', program: 'copy' },
  { title: 'stdout and stderr', program: 'both-outputs' },
  withOptions('stdout and stderr changed', 'both-outputs', { stdout: 2, stderr: 1 }),
  withOptions('stdout and stderr in one', 'both-outputs', { stdout: 1, stderr: 1 }),
]

describe.each(nodes)('a program under WASI on Node $major', ({ path: node }) => {
  const run = (program: Name, request: Omit<RunRequest, 'path'> = {}, implementation: 'node' | 'stasis' = 'stasis') =>
    runProgram(node, implementation, { path: files.path(program), ...request })

  test.each(cases)('ends as under node:wasi: $title', ({ program, request }) => {
    const theirs = run(program, request, 'node')
    expect(theirs.outcome).toBeDefined()
    expect(run(program, request)).toEqual(theirs)
  })

  test.each(['exits-0', 'exits-7', 'exits-256', 'exits--1'] as const)(
    'ends the process without returnOnExit: %s',
    (program) => {
      const request = { options: { returnOnExit: false } }
      const theirs = run(program, request, 'node')
      const ours = run(program, request)
      // node:wasi leaves out the handlers of the process's exit.
      expect(theirs.outcome).toBeUndefined()
      expect(ours.outcome).toHaveProperty('exitEvent')
      expect({ ...ours, outcome: undefined }).toEqual(theirs)
    },
  )

  test.each(['start-section', 'unknown-import'] as const)('is refused when it is instantiated: %s', (program) => {
    const theirs = run(program, {}, 'node')
    const ours = run(program)
    const error = (text: string) => /\b(\w*Error: .*)/.exec(text)?.[1]
    expect(theirs.status).toBe(1)
    expect(ours.status).toBe(1)
    expect(error(ours.stderr)).toBe(error(theirs.stderr))
  })

  test('reads and writes files instead of standard streams', () => {
    const outputs = (implementation: 'node' | 'stasis') => {
      const at = (name: string) => join(files.directory, `${name}-${implementation}`)
      writeFileSync(at('in'), 'from a file')
      const copied = run(
        'copy',
        { files: { stdin: [at('in'), 'r'], stdout: [at('out'), 'w'] }, stdin: 'not this' },
        implementation,
      )
      const both = run('both-outputs', { files: { stdout: [at('1'), 'w'], stderr: [at('2'), 'w'] } }, implementation)
      writeFileSync(at('a'), 'before ')
      const appended = run('both-outputs', { files: { stdout: [at('a'), 'a'] } }, implementation)
      const contents = ['out', '1', '2', 'a'].map((name) => readFileSync(at(name), 'utf8'))
      return { copied, both, appended, contents }
    }
    const theirs = outputs('node')
    expect(theirs.contents).toEqual(['from a file', 'one one t', 'one', 'before one one t'])
    expect(outputs('stasis')).toEqual(theirs)
  })

  test('writes into preopened directories', () => {
    const created = (implementation: 'node' | 'stasis') => {
      const file = join(files.directory, 'new.txt')
      writeFileSync(file, '')
      const result = run('create-file', { options: { preopens: { '/': files.directory } } }, implementation)
      return { result, content: readFileSync(file, 'utf8') }
    }
    const theirs = created('node')
    expect(theirs.content).toBe('new.txt')
    expect(created('stasis')).toEqual(theirs)
  })
})
