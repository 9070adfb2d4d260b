import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { callToJson } from '../../runtime/log/call-json.ts'
import { viewRecord } from '../../runtime/log/call-view.ts'
import { FdPaths, joinPath } from '../../runtime/log/fd-paths.ts'
import { formatCall } from '../../runtime/log/format-call.ts'
import { matcher } from '../../runtime/log/glob.ts'
import { CallJoiner, type LoggedCall } from '../../runtime/log/join-calls.ts'
import { LogReader } from '../../runtime/log/reader.ts'
import { SizeHistogram } from '../../runtime/log/size-histogram.ts'
import { LogCounter } from '../../runtime/log/summary.ts'
import { callGroups, groupOf, Timeline } from '../../runtime/log/timeline.ts'
import { abis } from '../../wasm-shim/wasi/abi.ts'
import { type HandWritten, wasiLog, yields } from './wasi-log.ts'

describe('a pattern', () => {
  test.each([
    ['*.txt', 'notes.txt', true],
    ['*.txt', '/data/sub/notes.txt', true],
    ['*.txt', 'notes.txt.bak', false],
    ['notes.txt', '/data/notes.txt', true],
    ['fd_*', 'fd_read', true],
    ['fd_*', 'path_open', false],
    ['fd_re?d', 'fd_read', true],
    ['/data/*', '/data/a', true],
    ['/data/*', '/data/a/b', false],
    ['/data/**', '/data/a/b', true],
    ['/data/**/b', '/data/b', true],
    ['/data/**/b', '/data/a/c/b', true],
    ['**/b', 'xb', false],
    ['a.c', 'abc', false],
    ['(+[$', '(+[$', true],
    ['*', '', true],
    ['sub', '/data/sub/', true],
    ['sub/', '/data/sub/', false],
    ['*', 'a\nb', true],
  ] as const)('%s and %s: %s', (pattern, text, expected) => {
    expect(matcher(pattern)(text)).toBe(expected)
  })

  test('of any characters matches itself where it has no wildcard', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((text) => !/[*?]/.test(text)),
        (text) => {
          if (!text.includes('/')) expect(matcher(text)(`/x/${text}`)).toBe(true)
          else expect(matcher(text)(text)).toBe(true)
        },
      ),
    )
  })
})

test.each([
  ['/data', 'a.txt', '/data/a.txt'],
  ['/data/', './a//b/../c', '/data/a/c'],
  ['.', 'a', 'a'],
  ['.', '.', '.'],
  ['/', 'a', '/a'],
  ['sub', '../../x', '../x'],
])('%s with %s is %s', (directory, path, expected) => {
  expect(joinPath(directory, path)).toBe(expected)
})

test('quantiles of sizes are those of the sorted sizes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 70_000 }), { minLength: 1 }), fc.constantFrom(0.5, 0.95, 1), (sizes, part) => {
      const histogram = new SizeHistogram()
      for (const size of sizes) histogram.add(size)
      const sorted = sizes.map((size) => Math.min(size, 65_535)).sort((a, b) => a - b)
      expect(histogram.quantile(part)).toBe(sorted[Math.ceil(sizes.length * part) - 1])
    }),
  )
  expect(new SizeHistogram().quantile(0.5)).toBe(0)
})

/** Feeds a log to a counter and a timeline as the report does. */
function count(calls: readonly HandWritten[], timeline = new Timeline(0, 10)) {
  const reader = new LogReader()
  reader.feed(wasiLog(calls))
  const counter = new LogCounter()
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    timeline.add(record, counter.add(record))
  }
  return { counted: counter.result(), timeline }
}

describe('a count', () => {
  test('has failures of functions with an error number, and of calls that ended in an exception', () => {
    const { counted } = count([
      { name: 'fd_tell', params: [1], errno: 8 },
      { name: 'fd_tell', params: [1], results: [44] },
      { name: 'fd_sync', params: [1], errno: 8, how: 'announced' },
      { name: 'fd_sync', params: [1], how: 'abandoned' },
      { name: 'fd_sync', params: [1], output: 'x', how: 'threw' },
      { name: 'host', params: [1], how: 'announced' },
      { name: 'fd_sync', params: [1], how: 'open' },
    ])
    expect(counted).toMatchObject({ calls: 6, failed: 3, open: 1 })
    const of = (name: string) => counted.functions.find((one) => one.name === name)
    expect(of('fd_tell')).toMatchObject({ calls: 2, failed: 1 })
    expect(of('fd_sync')).toMatchObject({ calls: 3, failed: 2 })
    expect(of('host')).toMatchObject({ calls: 1, failed: 0 })
  })

  test('of bytes a call takes leaves payloads out and takes intent and result together', () => {
    const text = 'x'.repeat(5000)
    const write: HandWritten = { name: 'fd_write', params: [1, 0, 1], input: text, results: [5000], how: 'announced' }
    const { counted } = count([write, write, write])
    // The first one tells all its words, and each the length of its payload.
    expect(counted.median).toBeGreaterThan(4)
    expect(counted.p95).toBeLessThan(20)
    expect(counted.functions[0]).toMatchObject({ input: 15_000 })
    expect(counted.functions[0]!.logged).toBeLessThan(60)
  })
})

describe('a timeline', () => {
  test('counts every call once in its place, however many there are', () => {
    fc.assert(
      fc.property(fc.nat({ max: 300 }), fc.constantFrom(2, 10, 240), (calls, most) => {
        const { timeline } = count(yields(calls), new Timeline(0, most))
        expect(timeline.buckets.length).toBeLessThanOrEqual(most)
        const waiting = callGroups.indexOf('waiting')
        const counts = timeline.buckets.map((bucket) => bucket.calls[waiting]!)
        expect(counts.reduce((a, b) => a + b, 0)).toBe(calls)
        expect(counts.slice(0, -1).every((one) => one === timeline.width)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('has the bytes that were moved, not those that were asked for or failed', () => {
    const { timeline } = count([
      { name: 'fd_read', params: [0, 0, 1], output: 'abc', results: [3] },
      { name: 'fd_read', params: [0, 0, 1], errno: 8, results: [3] },
      { name: 'fd_write', params: [1, 0, 1], input: 'abcdef', results: [5], how: 'announced' },
      { name: 'fd_seek', params: [1], results: [1000, 0] },
    ])
    expect(timeline.buckets.map(({ read, written, failed }) => [read, written, failed])).toEqual([
      [3, 0, 0],
      [0, 0, 1],
      [0, 5, 0],
      [0, 0, 0],
    ])
  })

  test('has a group for every function of WASI', () => {
    for (const name of abis.wasi_snapshot_preview1.keys()) {
      expect(groupOf('wasi_snapshot_preview1', name), name).not.toBe('host')
    }
    expect(groupOf('env', 'fd_read')).toBe('host')
  })
})

describe('any words of any function of WASI', () => {
  test('can be shown, as text and as JSON, and followed', () => {
    const names = [...abis.wasi_snapshot_preview1.keys()]
    const word = fc.oneof(fc.integer({ min: -2, max: 5 }), fc.integer())
    const call = fc.record({
      name: fc.constantFrom(...names),
      params: fc.array(word, { maxLength: 3 }),
      errno: fc.oneof(fc.constant(0), word),
      input: fc.string({ maxLength: 9 }),
      output: fc.string({ maxLength: 9 }),
      how: fc.constantFrom('whole', 'announced', 'open', 'threw'),
    })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 9 }), (calls) => {
        const reader = new LogReader()
        reader.feed(wasiLog(calls as HandWritten[]))
        const joiner = new CallJoiner((record) => viewRecord(record))
        const paths = new FdPaths()
        const shown: LoggedCall[] = []
        for (let record = reader.next(); record !== undefined; record = reader.next()) {
          const ended = joiner.add(record, true)
          if (ended !== undefined) shown.push(ended)
        }
        shown.push(...joiner.finish())
        expect(shown.map((one) => one.call).sort((a, b) => a - b)).toEqual(calls.map((_, i) => i))
        for (const one of shown) {
          expect(formatCall(one.view)).toMatch(/^\w+\(/)
          expect(JSON.parse(JSON.stringify(callToJson(one)))).toEqual(callToJson(one))
          expect(paths.of(one.view).every((path) => typeof path === 'string')).toBe(true)
          paths.add(one.view)
        }
      }),
      { numRuns: 500 },
    )
  })
})
