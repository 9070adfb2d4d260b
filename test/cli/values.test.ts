import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatMount, parseMemory, parseMount, shellQuote } from '../../host-node/cli/mounts.ts'
import { UsageError } from '../../host-node/cli/usage-error.ts'
import {
  oneOf,
  parseCount,
  parseDuration,
  parseEnv,
  parseSignal,
  parseSize,
  parseTrigger,
} from '../../host-node/cli/values.ts'

test('durations have a unit', () => {
  expect(['500ms', '10s', '1.5m', '2h'].map(parseDuration)).toEqual([500, 10_000, 90_000, 7_200_000])
  expect(() => parseDuration('10')).toThrow('write 10s or 10ms')
  for (const bad of ['', 's', '-1s', '0s', '1d', '1e9s', '999h', '10 s', '0.1ms'])
    expect(() => parseDuration(bad), bad).toThrow(UsageError)
})

test('counts are whole numbers from 1', () => {
  expect(parseCount('7')).toBe(7)
  for (const bad of ['0', '-1', '1.5', '', 'x', '0x10', '99999999999999999999'])
    expect(() => parseCount(bad), bad).toThrow(UsageError)
})

test('triggers are words or call:N', () => {
  expect(['signal', 'first-stdin', 'idle', 'call:12'].map(parseTrigger)).toEqual([
    { kind: 'signal' },
    { kind: 'first-stdin' },
    { kind: 'idle' },
    { kind: 'call', call: 12 },
  ])
  expect(() => parseTrigger('first-stdn')).toThrow('Did you mean first-stdin?')
  expect(() => parseTrigger('call')).toThrow('Did you mean call:100?')
  expect(() => parseTrigger('call:0')).toThrow(UsageError)
})

test('signals may leave out SIG; those that cannot be caught are refused', () => {
  expect(['tstp', 'SIGTERM', 'Usr2'].map(parseSignal)).toEqual(['SIGTSTP', 'SIGTERM', 'SIGUSR2'])
  for (const bad of ['KILL', 'SIGSTOP', 'USR1', '']) expect(() => parseSignal(bad), bad).toThrow(UsageError)
})

test('an environment variable is set, or inherited by its bare name', () => {
  const own = { HOME: '/root' }
  expect(parseEnv('A=b=c', own)).toEqual(['A', 'b=c'])
  expect(parseEnv('A=', own)).toEqual(['A', ''])
  expect(parseEnv('HOME', own)).toEqual(['HOME', '/root'])
  expect(parseEnv('NOT_THERE', own)).toBeUndefined()
  expect(() => parseEnv('=x', own)).toThrow(UsageError)
})

test('a choice outside the table suggests the nearest', () => {
  const parse = oneOf(['none', 'default', 'all'], 'kind of polls')
  expect(parse('all')).toBe('all')
  expect(() => parse('defualt')).toThrow('it is one of none, default, all. Did you mean default?')
})

test('directories are granted as HOST, HOST::GUEST, either read-only', () => {
  expect(parseMount('data')).toEqual({ host: 'data', guest: 'data', readOnly: false })
  expect(parseMount('./data::/data')).toEqual({ host: './data', guest: '/data', readOnly: false })
  expect(parseMount('/usr:ro')).toEqual({ host: '/usr', guest: '/usr', readOnly: true })
  expect(parseMount('/usr::/u:ro')).toEqual({ host: '/usr', guest: '/u', readOnly: true })
  expect(parseMount('/odd:ro::/x:rw')).toEqual({ host: '/odd:ro', guest: '/x', readOnly: false })
  expect(parseMount('/odd:ro::/x:overlay')).toEqual({ host: '/odd:ro', guest: '/x', readOnly: false, overlay: true })
  for (const bad of ['', '::', 'a::', '::b', ':ro', ':overlay']) expect(() => parseMount(bad), bad).toThrow(UsageError)
})

test('a single colon between directories is taken for the mistake that it is', () => {
  expect(() => parseMount('data:/data')).toThrow('data::/data')
})

test('a printed grant parses to itself', () => {
  const path = fc.string({ minLength: 1 }).filter((text) => !text.includes('::') && !text.includes(':'))
  fc.assert(
    fc.property(path, path, fc.constantFrom('', ':ro', ':overlay'), fc.nat(2), (host, guest, odd, kind) => {
      const mount = { host, guest: `${guest}${odd}`, readOnly: kind === 1, ...(kind === 2 && { overlay: true }) }
      expect(parseMount(formatMount(mount))).toEqual(mount)
    }),
  )
})

test('a quoted word survives a real shell', async () => {
  const { execFileSync } = await import('node:child_process')
  const words = ['plain', "it's", '$HOME `id` "x"', '', 'a\nb', './d::/d:ro', '\\', '*', '~', '#x', '!x']
  const out = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellQuote).join(' ')}`], { encoding: 'utf8' })
  expect(out.split('\0').slice(0, -1)).toEqual(words)
})

test('a size is bytes, or has a decimal unit', () => {
  expect(['0', '500', '64k', '256M', '1.5G', '2 TB', '3kb'].map(parseSize)).toEqual([
    0, 500, 64e3, 256e6, 1.5e9, 2e12, 3e3,
  ])
  for (const bad of ['', 'x', '-1', '1Q', 'k', '1e9', '9999999999999T'])
    expect(() => parseSize(bad), bad).toThrow(UsageError)
})

test('a directory in memory has a name in the guest', () => {
  expect(parseMemory('/tmp')).toEqual({ guest: '/tmp', memory: true })
  for (const bad of ['', 'host::/tmp']) expect(() => parseMemory(bad), bad).toThrow(UsageError)
})
