import { expect, test } from 'vitest'
import { defineCommand } from '../../host-node/cli/command.ts'
import { formatSize, formatTable, wrap } from '../../host-node/cli/format.ts'
import { flag, value } from '../../host-node/cli/options.ts'
import { runCommandLine } from '../../host-node/cli/run-command-line.ts'
import { type Terminal, wantsColour } from '../../host-node/cli/terminal.ts'
import { text } from '../../host-node/cli/values.ts'
import { StasisError } from '../../wasm-shim/errors.ts'

const greet = defineCommand({
  name: 'greet',
  summary: 'Greet somebody.',
  operands: 'WHO',
  count: [1, 1],
  description: [
    'A paragraph that is long enough to be broken where the terminal ends, which is at forty columns here.',
  ],
  options: { loudly: flag('Shout.'), language: value('CODE', 'Of the greeting.', text), json: flag('JSON.') },
  examples: [{ line: 'stasis greet world', does: 'the usual' }],
  run: async ({ values, operands, terminal }) => {
    if (operands[0] === 'nobody') throw new StasisError('STASIS_NOBODY', 'There is nobody to greet.', { who: 1 })
    if (operands[0] === 'fault') throw new TypeError('x is not a function')
    terminal.out(`hello ${operands[0]}${values.loudly ? '!' : ''}`)
    return 3
  },
})

async function stasis(...argv: string[]) {
  let out = ''
  let err = ''
  const terminal: Terminal = {
    out: (line) => {
      out += `${line}\n`
    },
    err: (line) => {
      err += `${line}\n`
    },
    columns: 40,
    interactive: false,
    style: (_, words) => words,
  }
  const code = await runCommandLine([greet], argv, terminal)
  return { code, out, err }
}

test('a command runs with its options and its exit code is ours', async () => {
  expect(await stasis('greet', 'world', '--loudly')).toEqual({ code: 3, out: 'hello world!\n', err: '' })
})

test('help is derived from the tables and fits the terminal', async () => {
  const { code, out } = await stasis('greet', '--help')
  expect(code).toBe(0)
  for (const part of ['stasis greet [options] WHO', '--loudly', '--language CODE', '-h, --help', 'stasis greet world'])
    expect(out).toContain(part)
  expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(40)
})

test('without arguments the overview goes to stderr and the exit code is 2', async () => {
  const { code, out, err } = await stasis()
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain('Greet somebody.')
})

test('usage errors exit with 2 and point at the help', async () => {
  const { code, err } = await stasis('greet', 'a', '--langauge', 'x')
  expect(code).toBe(2)
  expect(err).toContain('Did you mean --language?')
  expect(err).toContain('"stasis help greet"')
  expect((await stasis('greet')).err).toContain('stasis greet [options] WHO')
  expect((await stasis('greet', 'a', 'b')).err).toContain('"b" is too much')
})

test('a word that is no command gets a suggestion, a module gets the right command', async () => {
  expect((await stasis('gret')).err).toContain('Did you mean stasis greet?')
  expect((await stasis('app.wasm')).err).toContain('stasis run app.wasm')
  expect((await stasis('--loudly', 'greet')).err).toContain('stasis greet --loudly')
})

test('errors exit with 1 and show their code; with --json they are JSON on stderr', async () => {
  expect(await stasis('greet', 'nobody')).toEqual({
    code: 1,
    out: '',
    err: 'stasis: There is nobody to greet. [STASIS_NOBODY]\n',
  })
  const { code, err } = await stasis('greet', 'nobody', '--json')
  expect(code).toBe(1)
  expect(JSON.parse(err)).toEqual({
    error: { code: 'STASIS_NOBODY', message: 'There is nobody to greet.', fields: { who: 1 } },
  })
})

test('a fault of our own is called one', async () => {
  const { code, err } = await stasis('greet', 'fault')
  expect(code).toBe(1)
  expect(err).toContain('fault of stasis itself')
})

test('colour needs a terminal and yields to NO_COLOR and TERM=dumb', () => {
  expect(wantsColour({ isTTY: true }, {})).toBe(true)
  expect(wantsColour({}, {})).toBe(false)
  expect(wantsColour({ isTTY: true }, { NO_COLOR: '1' })).toBe(false)
  expect(wantsColour({ isTTY: true }, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false)
  expect(wantsColour({ isTTY: true }, { TERM: 'dumb' })).toBe(false)
  expect(wantsColour({}, { FORCE_COLOR: '1' })).toBe(true)
})

test('sizes are short', () => {
  expect([0, 1, 999, 1000, 1549, 99_960, 999_600, 26_123_456, 5e12].map(formatSize)).toEqual([
    '0 bytes',
    '1 byte',
    '999 bytes',
    '1 KB',
    '1.5 KB',
    '100 KB',
    '1 MB',
    '26.1 MB',
    '5 TB',
  ])
})

test('tables align, with colour or without, and end without spaces', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' as const }, { title: 'STATE' }]
  expect(
    formatTable(columns, [
      ['a', '1 KB', '\u001b[32mrunning\u001b[39m'],
      ['longer', '12 KB', ''],
    ]),
  ).toBe('NAME     SIZE  STATE\na        1 KB  \u001b[32mrunning\u001b[39m\nlonger  12 KB')
})

test('paragraphs break at spaces, later lines indented', () => {
  expect(wrap('one two three four', 9, '  ')).toBe('one two\n  three\n  four')
  expect(wrap('unbreakable', 3)).toBe('unbreakable')
})
