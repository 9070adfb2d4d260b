import { describe, expect, test } from 'vitest'
import { openLog, readLog } from '../../runtime/log/reader.ts'
import type { LogTail } from '../../runtime/log/record.ts'
import { isStasisError, type StasisError } from '../../wasm-shim/errors.ts'
import { logOf, type Plain, random, readRecords, typicalRecords } from './sample-log.ts'

// The long form: LOG_FAULTS=full npx vitest run test/log/damage.test.ts
const isFull = process.env.LOG_FAULTS === 'full'
const recordCount = isFull ? 10_000 : 1_000
const mutations = isFull ? 100_000 : 2_000

const records = typicalRecords(recordCount, 1)
const { bytes, ends } = logOf(records, { blockSize: 4096 }, 7)

/** `reading` has the records up to some point, and is either cut there or says what is wrong. */
function expectPrefix(reading: ReturnType<typeof readRecords>, what: string): StasisError | undefined {
  const { error } = reading
  if (error !== undefined && !isStasisError(error)) throw error
  const isPrefix = reading.records.length <= records.length && reading.records.every((one, i) => same(one, records[i]!))
  if (!isPrefix) expect.fail(`${what}: what was read is no prefix`)
  return error
}

function countRecords(log: Uint8Array): { count: number; tail?: LogTail; error?: unknown } {
  const reading = readLog([log])
  let count = 0
  try {
    for (;;) {
      const { value, done } = reading.next()
      if (done) return { count, tail: value }
      count++
    }
  } catch (error) {
    return { count, error }
  }
}

const texts = records.map((one) => JSON.stringify(one))
const known = new Map(records.map((one, i) => [one, texts[i]!]))
const same = (one: Plain, other: Plain) => JSON.stringify(one) === known.get(other)

describe(`a log of ${recordCount} records`, () => {
  test('cut at any byte gives all whole blocks and says what was dropped', { timeout: 1_800_000 }, () => {
    // Reading all of a log for every cut is quadratic: the short form takes every 23rd byte and the ends.
    const step = isFull ? 1 : 23
    let complete = 0
    let blocks = 0
    for (let length = 0; length < bytes.length; length += length < 300 || bytes.length - length < 300 ? 1 : step) {
      const reading = countRecords(bytes.subarray(0, length))
      if (length < 48) {
        expect(reading.error, `cut at ${length}`).toMatchObject({ code: 'STASIS_LOG_DAMAGED' })
        continue
      }
      const { tail, count } = reading
      if (tail === undefined) throw reading.error
      // Each block holds seven records.
      while (ends[blocks]! <= length) blocks++
      if (count !== blocks * 7) expect.fail(`cut at ${length}: ${count} records of ${blocks} blocks`)
      if (tail.kind === 'complete') complete++
      else {
        if (tail.offset + tail.bytes !== length) expect.fail(`cut at ${length}: ${JSON.stringify(tail)}`)
        if ((tail.records ?? 0) > 7) expect.fail(`cut at ${length}: ${tail.records} records dropped`)
      }
    }
    expect(complete).toBeGreaterThan(isFull ? 1000 : 5)
  })

  test('cut in a block ends before it as a source of records, however often it is asked', () => {
    const from = ends[20]!
    for (let cut = 1; cut < 200; cut++) {
      const source = openLog([bytes.subarray(0, from + cut)])
      let count = 0
      while (source.next() !== undefined) count++
      expect([count, source.next(), source.reader.tail?.kind]).toEqual([21 * 7, undefined, 'torn'])
    }
  })

  test('cut in a block counts the records that are lost', () => {
    const [from, to] = [ends[20]!, ends[21]!]
    const dropped = Array.from({ length: to - from }, (_, i) => countRecords(bytes.subarray(0, from + i)).tail)
    expect(dropped[0]).toEqual({ kind: 'complete' })
    const counts = dropped.slice(1).map((tail) => (tail?.kind === 'torn' ? (tail.records ?? 0) : -1))
    expect([...new Set(counts)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  test(`survives ${mutations} mutations`, { timeout: 600_000 }, () => {
    const next = random(2)
    const codes = new Map<string, number>()
    for (let round = 0; round < mutations; round++) {
      // A part of the log is enough: the first blocks, more for some rounds.
      const part = bytes.slice(0, next(20) === 0 ? bytes.length : Math.min(bytes.length, 3000))
      for (let count = 1 + next(3); count > 0; count--) {
        const at = next(part.length)
        const choice = next(4)
        if (choice === 0) part[at] = part[at]! ^ (1 << next(8))
        else if (choice === 1) part[at] = next(256)
        else if (choice === 2) part.fill(next(2) * 255, at, at + 1 + next(8))
        else part.copyWithin(at, next(part.length), next(part.length))
      }
      const reading = readRecords([part])
      const error = expectPrefix(reading, `round ${round}`)
      const outcome = error?.code ?? reading.tail!.kind
      codes.set(outcome, (codes.get(outcome) ?? 0) + 1)
    }
    expect(codes.get('STASIS_LOG_DAMAGED')).toBeGreaterThan(mutations / 2)
    expect([...codes.keys()].sort()).toEqual(
      ['STASIS_LOG_DAMAGED', 'STASIS_LOG_FOREIGN', 'STASIS_LOG_VERSION', 'complete', 'torn'].filter((key) =>
        codes.has(key),
      ),
    )
  })

  test('with a flipped bit names the block, and all before it was delivered', () => {
    const at = ends[20]! + 6
    const copy = bytes.slice()
    copy[at]! ^= 4
    const reading = readRecords([copy])
    expect(expectPrefix(reading, 'flipped')).toMatchObject({ code: 'STASIS_LOG_DAMAGED' })
    const { offset } = (reading.error as StasisError).fields
    expect(offset).toBeLessThanOrEqual(at)
    expect(offset).toBeGreaterThanOrEqual(ends[20]!)
    expect(reading.records.length).toBe(21 * 7)
  })

  test('with a flipped bit in the last block is cut before it', () => {
    const copy = bytes.slice()
    copy[copy.length - 6]! ^= 1
    const reading = readRecords([copy])
    expect(reading.tail).toMatchObject({ kind: 'torn', offset: ends.at(-2), records: undefined })
  })

  test('followed by zeros, as a power loss leaves it, is cut where they begin', () => {
    const reading = readRecords([bytes, new Uint8Array(100_000), new Uint8Array(5)])
    expect(reading.records.length).toBe(records.length)
    expect(reading.tail).toEqual({ kind: 'torn', offset: bytes.length, bytes: 100_005, records: undefined })
  })

  test('followed by garbage delivers all records and says where it ends', () => {
    const next = random(3)
    for (let round = 0; round < 200; round++) {
      const garbage = Uint8Array.from({ length: 1 + next(40) }, () => next(256))
      const reading = readRecords([bytes, garbage])
      expect(reading.records.length).toBe(records.length)
      if (reading.error) expect((reading.error as StasisError).fields.offset).toBeGreaterThanOrEqual(bytes.length)
      else expect(reading.tail).toMatchObject({ kind: 'torn', offset: bytes.length, bytes: garbage.length })
    }
  })

  test('without one of its blocks, or with one twice, is damaged there', () => {
    const [from, to] = [ends[10]!, ends[11]!]
    const without = readRecords([bytes.subarray(0, from), bytes.subarray(to)])
    expect(expectPrefix(without, 'without')).toMatchObject({ code: 'STASIS_LOG_DAMAGED', fields: { offset: from } })
    const twice = readRecords([bytes.subarray(0, to), bytes.subarray(from)])
    expect(expectPrefix(twice, 'twice')).toMatchObject({ code: 'STASIS_LOG_DAMAGED', fields: { offset: to } })
  })

  test('with a length beyond the limit is refused before anything is allocated', () => {
    const huge = Uint8Array.of(0xfe, 0xff, 0xff, 0x7f)
    const reading = readRecords([bytes, huge, new Uint8Array(10).fill(1)])
    expect(reading.error).toMatchObject({ code: 'STASIS_LOG_DAMAGED', fields: { offset: bytes.length } })
  })
})

test('a file of another kind is called foreign, a later format by its version', () => {
  expect(readRecords([new TextEncoder().encode('\0asm and more')]).error).toMatchObject({ code: 'STASIS_LOG_FOREIGN' })
  expect(readRecords([]).error).toMatchObject({ code: 'STASIS_LOG_DAMAGED' })
})
