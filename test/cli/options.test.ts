import { expect, test } from 'vitest'
import { list, parseOptions, value } from '../../host-node/cli/options.ts'
import { dirOption, snapshotOptions } from '../../host-node/cli/session-options.ts'
import { UsageError } from '../../host-node/cli/usage-error.ts'
import { parseCount, text } from '../../host-node/cli/values.ts'

const options = {
  name: value('NAME', 'A name.', text),
  count: value('N', 'A number.', parseCount),
  env: list('K=V', 'Environment.', text),
  ...snapshotOptions,
  dir: dirOption,
}
const run = (...argv: string[]) => parseOptions(argv, options, { command: 'run', guestArguments: true })
const restore = (...argv: string[]) => parseOptions(argv, options, { command: 'restore', guestArguments: false })

function usageError(attempt: () => unknown): string {
  try {
    attempt()
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  throw new Error('no error')
}

test('everything after the module belongs to the guest, our own option names included', () => {
  const parsed = run('--name', 'calc', 'app.wasm', '--name', 'x', '--', '-h', '')
  expect(parsed.values.name).toBe('calc')
  expect(parsed.positionals).toEqual(['app.wasm'])
  expect(parsed.guestArgs).toEqual(['--name', 'x', '--', '-h', ''])
  expect(parsed.help).toBe(false)
})

test('one "--" directly after the module is not the guest’s', () => {
  expect(run('app.wasm', '--', '-x').guestArgs).toEqual(['-x'])
  expect(run('app.wasm', '--', '--').guestArgs).toEqual(['--'])
  expect(run('app.wasm', 'a', '--', 'b').guestArgs).toEqual(['a', '--', 'b'])
})

test('"--" before the module ends our options', () => {
  const parsed = run('--keep', '--', '--odd.wasm', 'a')
  expect(parsed.positionals).toEqual(['--odd.wasm'])
  expect(parsed.guestArgs).toEqual(['a'])
  expect(parsed.values.keep).toBe(true)
})

test('without a guest, options may stand behind operands', () => {
  const parsed = restore('calc@-1', '--keep')
  expect(parsed.positionals).toEqual(['calc@-1'])
  expect(parsed.values.keep).toBe(true)
})

test('of a single value the last one counts, a list keeps all, absent ones are undefined and empty', () => {
  const parsed = run('--name=a', '--name', 'b', '--env', 'A=1', '--env=B=2=3', 'x.wasm')
  expect(parsed.values.name).toBe('b')
  expect(parsed.values.env).toEqual(['A=1', 'B=2=3'])
  expect(parsed.values.count).toBeUndefined()
  expect(parsed.values.dir).toEqual([])
})

test.each([
  ['--dri', 'Unknown option --dri. Did you mean --dir?'],
  ['--snapshot-in', 'Unknown option --snapshot-in. Did you mean --snapshot-interval?'],
  ['--Keep', 'Unknown option --Keep. Did you mean --keep?'],
  ['--hepl', 'Unknown option --hepl. Did you mean --help?'],
  ['--completely-else', 'Unknown option --completely-else.'],
  ['-x', 'Unknown option -x.'],
  ['--constructor', 'Unknown option --constructor.'],
  ['--__proto__', 'Unknown option --__proto__.'],
  ['--no-keep', 'Unknown option --no-keep.'],
])('%s is refused, with a suggestion where one is near', (option, message) => {
  expect(usageError(() => run(option, 'app.wasm'))).toBe(message)
})

test('an option without its value, and a flag with one, are refused', () => {
  expect(usageError(() => run('--name'))).toBe('--name needs a value: NAME.')
  expect(usageError(() => run('--name', '--keep', 'a.wasm'))).toContain('"--keep" looks like an option')
  expect(run('--name=--keep', 'a.wasm').values.name).toBe('--keep')
  expect(usageError(() => run('--thin=yes', 'a.wasm'))).toContain('takes no value')
  expect(usageError(() => run('--keep=yes', 'a.wasm'))).toContain('no whole number')
  expect(
    [run('--keep', 'a.wasm'), run('--keep', '5', 'a.wasm'), run('--keep=5', 'a.wasm'), run('a.wasm')].map((one) => [
      one.values.keep,
      one.positionals,
    ]),
  ).toEqual([
    [true, ['a.wasm']],
    [5, ['a.wasm']],
    [5, ['a.wasm']],
    [false, ['a.wasm']],
  ])
})

test('a value that makes no sense is refused under its option’s name', () => {
  expect(usageError(() => run('--count', 'x'))).toMatch(/^--count: "x"/)
})

test('help is recognised long and short, but not among the guest’s arguments', () => {
  expect(run('--help').help).toBe(true)
  expect(run('-h').help).toBe(true)
  expect(run('a.wasm', '--help').help).toBe(false)
})
