import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { LogReader, readLogAsync } from '../../runtime/log/reader.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { keepLog, testSession } from './guest-run.ts'
import { functions, logOf, type Plain, plans, readRecords, typicalRecords, writeRecords } from './sample-log.ts'

const word = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer())
const wordsOf = (count: number) => fc.array(word, { minLength: count, maxLength: count })
const payload = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('hex'))

/** One call: in one piece, or announced and then ended, perhaps with others in between. */
const callArbitrary: fc.Arbitrary<Plain[]> = fc.letrec<{ call: Plain[] }>((tie) => ({
  call: fc.nat({ max: functions.length - 1 }).chain((fn) => {
    const { params, all } = plans[fn]!
    const given = functions[fn]!.input ? payload.map((input) => ({ input })) : fc.constant({})
    const written = functions[fn]!.output ? payload.map((output) => ({ output })) : fc.constant({})
    const whole = fc
      .tuple(wordsOf(all), given, written)
      .map(([words, input, output]): Plain[] => [{ kind: 'call', fn, words, ...input, ...output }])
    const ending: fc.Arbitrary<Plain> = fc.oneof(
      fc
        .tuple(wordsOf(all - params), written)
        .map(([words, output]): Plain => ({ kind: 'result', fn, words, ...output })),
      fc.nat().map((code): Plain => ({ kind: 'exit', code })),
      fc.string({ maxLength: 20 }).map((message): Plain => ({ kind: 'threw', message })),
    )
    const bracket = fc
      .tuple(wordsOf(params), given, fc.array(tie('call'), { maxLength: 2, depthIdentifier: 'calls' }), ending)
      .map(([words, input, inner, end]): Plain[] => [{ kind: 'intent', fn, words, ...input }, ...inner.flat(), end])
    return fc.oneof({ depthIdentifier: 'calls', maxDepth: 2 }, whole, bracket)
  }),
})).call

const recordsArbitrary = fc.array(callArbitrary, { maxLength: 25 }).map((calls) => calls.flat())

/** Bytes in pieces of the given sizes, again and again. */
function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

describe('a log', () => {
  test('reads back as it was written, whatever the blocks and the pieces', () => {
    fc.assert(
      fc.property(
        recordsArbitrary,
        fc.record({ blockSize: fc.integer({ min: 1, max: 2000 }), inlineLimit: fc.nat({ max: 40 }) }),
        fc.nat({ max: 5 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 }),
        (records, options, commitEvery, sizes) => {
          const { bytes, chunks } = logOf(records, options, commitEvery)
          const read = readRecords(pieces(bytes, sizes), chunks)
          expect(read.error).toBeUndefined()
          expect(read.records).toEqual(records)
          expect(read.tail).toEqual({ kind: 'complete' })
        },
      ),
      { numRuns: 300 },
    )
  })

  test('numbers calls in the order in which they began, and results by their calls', () => {
    const words = [1, 0]
    const { bytes } = logOf([
      { kind: 'call', fn: 0, words },
      { kind: 'intent', fn: 0, words: [2] },
      { kind: 'intent', fn: 0, words: [3] },
      { kind: 'result', fn: 0, words: [0] },
      { kind: 'result', fn: 0, words: [0] },
      { kind: 'intent', fn: 0, words: [2] },
      { kind: 'abandoned' },
      { kind: 'call', fn: 0, words },
    ])
    expect(readRecords([bytes]).calls).toEqual([0, 1, 2, 2, 1, 3, 3, 3])
  })

  test('is read from a stream that comes in time', async () => {
    const records = typicalRecords(500, 3)
    const { bytes } = logOf(records)
    async function* stream() {
      for (const piece of pieces(bytes, [1000])) yield piece
    }
    let count = 0
    for await (const _ of readLogAsync(stream())) count++
    expect(count).toBe(records.length)
  })

  test('keeps large payloads as chunks, equal ones once', () => {
    const large = 'ab'.repeat(600_000)
    const call: Plain = { kind: 'call', fn: 1, words: [1, 2, 3, 4, 0, 5, 6], output: large }
    const { bytes, chunks } = logOf([call, call])
    // 600,000 bytes: two full chunks that are equal, and the rest.
    expect(chunks.size).toBe(2)
    expect(bytes.length).toBeLessThan(600)
    expect(readRecords([bytes], chunks).records).toEqual([call, call])
  })

  test('names the chunk that is missing or was changed', () => {
    const call: Plain = { kind: 'call', fn: 1, words: [1, 2, 3, 4, 0, 5, 6], output: 'cd'.repeat(300_000) }
    const { bytes, chunks } = logOf([call])
    expect(readRecords([bytes], new MemoryChunkStore()).error).toMatchObject({
      code: 'STASIS_LOG_CHUNK_MISSING',
      fields: { call: 0 },
    })
    const changed = { get: (address: string) => chunks.get(address)?.map((byte) => byte ^ 1) } as MemoryChunkStore
    expect(readRecords([bytes], changed).error).toMatchObject({ code: 'STASIS_LOG_CHUNK_DAMAGED' })
  })

  test('offers a block again that the sink has refused', () => {
    const log = keepLog()
    let isFull = true
    const sink = (block: Uint8Array) => {
      if (isFull) throw new Error('The disk is full.')
      log.sink(block)
    }
    const writer = new LogWriter({ session: testSession, sink, chunks: new MemoryChunkStore() })
    const records = typicalRecords(100, 4)
    writeRecords(writer, records)
    expect(() => writer.commit()).toThrow('The disk is full.')
    isFull = false
    writer.commit()
    expect(readRecords([log.bytes()]).records).toEqual(records)
  })

  test('goes on where it was cut, with the call that had no result', () => {
    const before: Plain[] = [...typicalRecords(200, 5), { kind: 'intent', fn: 0, words: [7] }]
    const first = logOf(before, { blockSize: 500 })
    const reader = new LogReader()
    reader.feed(first.bytes)
    let count = 0
    while (reader.next() !== undefined) count++
    expect(count).toBe(before.length)
    reader.finish()
    const resume = reader.resumePoint()
    expect(resume.bytes).toBe(first.bytes.length)
    const after: Plain[] = [
      { kind: 'intent', fn: 0, words: [7] },
      { kind: 'result', fn: 0, words: [0] },
    ]
    const second = logOf(after, { resume })
    const read = readRecords([first.bytes, second.bytes])
    expect(read.error).toBeUndefined()
    expect(read.records).toEqual([...before, ...after])
    expect(read.calls.slice(-3)).toEqual([resume.calls, resume.calls, resume.calls])
  })

  test('can be read from any restart frame with the functions before it', () => {
    const log = keepLog()
    const writer = new LogWriter({ session: testSession, sink: log.sink, chunks: new MemoryChunkStore() })
    writeRecords(
      writer,
      typicalRecords(50, 6).filter(({ kind }) => kind === 'call'),
    )
    writer.commit()
    const functionsEnd = 48 + 4 + functionsLength(log.bytes())
    writer.restart()
    const { bytes: at, calls } = writer
    const rest: Plain[] = typicalRecords(50, 7).filter(({ kind }) => kind === 'call')
    writeRecords(writer, rest)
    writer.commit()
    const whole = log.bytes()
    const head = logOf([], { firstCall: calls }).bytes
    expect(readRecords([head, whole.subarray(48, functionsEnd), whole.subarray(at)]).records).toEqual(rest)
  })
})

/** Bytes of the functions' frame behind the header, without its checksum. */
function functionsLength(bytes: Uint8Array): number {
  const [first, second] = [bytes[48]!, bytes[49]!]
  const isLong = first > 127
  const head = isLong ? (first & 127) | (second << 7) : first
  expect(head & 3).toBe(1)
  return (head >> 2) + (isLong ? 2 : 1)
}
