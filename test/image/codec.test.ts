import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SparseMemory } from '../../runtime/engine/engine.ts'
import { decodeCheckpoint, readManifest } from '../../runtime/image/decode.ts'
import { deflateBody, encodeCheckpoint, encodeHead, packBody } from '../../runtime/image/encode.ts'
import { readHead } from '../../runtime/image/head.ts'
import { checkpointToJson } from '../../runtime/image/json.ts'
import { manifestOf } from '../../runtime/image/manifest.ts'
import type { Checkpoint } from '../../runtime/image/model.ts'
import { sampleCheckpoint } from './sample.ts'

const words = fc.uint32Array({ maxLength: 8 })
const frame = fc.record({ instance: fc.constant(0), site: fc.nat(), words })
const entry = fc.oneof(
  fc.constant({ kind: 'start' as const }),
  fc.record({ kind: fc.constant('export' as const), name: fc.string({ unit: 'grapheme', maxLength: 20 }) }),
)
const stack = fc.record({
  entry,
  call: fc.record({ import: fc.integer({ min: -1, max: 200 }), args: words }),
  frames: fc.array(frame, { maxLength: 5 }),
})
/** A memory of a few pages, most of them zero, of any length. */
const memory = fc
  .record({
    size: fc.nat({ max: 40_000 }),
    writes: fc.array(fc.tuple(fc.nat({ max: 39_999 }), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
  })
  .map(({ size, writes }) => {
    const bytes = new Uint8Array(size)
    for (const [at, value] of writes) if (at < size) bytes[at] = value
    return { bytes }
  })
const whole = {
  session: fc.record({ name: fc.string({ maxLength: 64 }), id: fc.uuid() }),
  cause: fc.constantFrom('request', 'signal', 'torture'),
  time: fc.nat(),
  module: fc.record({ sha256: fc.constant('ab'.repeat(32)), size: fc.nat(), name: fc.string() }),
  prelink: fc.record({ version: fc.nat(), polls: fc.constantFrom('none', 'default', 'all') }),
  calls: fc.maxSafeNat(),
  instances: fc.array(
    fc.record({
      memories: fc.array(memory, { maxLength: 3 }),
      globals: words,
      tables: fc.array(fc.option(words, { nil: undefined }), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 2 },
  ),
  stacks: fc.array(stack, { maxLength: 2 }),
  kernel: fc.uint8Array({ maxLength: 50 }),
}
const checkpoint: fc.Arbitrary<Checkpoint> = fc.oneof(
  fc.record(whole),
  fc.record({ ...whole, input: fc.uint8Array({ minLength: 1, maxLength: 50 }) }),
)

/** Compares memories as buffers: the test runner's comparison takes seconds for a memory. */
function expectSame(actual: Checkpoint, wanted: Checkpoint): void {
  expect(checkpointToJson(actual)).toEqual(checkpointToJson(wanted))
  const memories = (value: Checkpoint) => value.instances.flatMap((state) => state.memories)
  memories(actual).forEach(({ bytes }, index) => {
    expect(Buffer.compare(bytes, memories(wanted)[index]!.bytes)).toBe(0)
  })
  expect([...actual.kernel]).toEqual([...wanted.kernel])
  expect([...(actual.input ?? [])]).toEqual([...(wanted.input ?? [])])
}

test('a checkpoint comes back from its image as it was', () => {
  const original = sampleCheckpoint()
  expectSame(decodeCheckpoint(encodeCheckpoint(original)), original)
})

test('any checkpoint comes back, and encodes to the same bytes again, stored or deflated', () => {
  fc.assert(
    fc.property(checkpoint, fc.constantFrom('none' as const, 'deflate' as const), (original, compression) => {
      const image = encodeCheckpoint(original, { compression })
      const decoded = decodeCheckpoint(image)
      expectSame(decoded, original)
      expect(Buffer.compare(encodeCheckpoint(decoded, { compression }), image)).toBe(0)
    }),
    { seed: 2, numRuns: 150 },
  )
})

test('pages of zeros take no room', () => {
  const state = { memories: [{ bytes: new Uint8Array(16 << 20) }], globals: new Uint32Array(0), tables: [] }
  const image = encodeCheckpoint({ ...sampleCheckpoint(), instances: [state, state] })
  expect(image.length).toBeLessThan(4096)
  const { bytes } = decodeCheckpoint(image).instances[1]!.memories[0]!
  expect(Buffer.compare(bytes, state.memories[0]!.bytes)).toBe(0)
})

test('a memory is written over another one, of which a part may be untouched', () => {
  const sizes = fc.record({ used: fc.nat({ max: 40_000 }), more: fc.nat({ max: 5000 }), odd: fc.nat({ max: 1 }) })
  fc.assert(
    fc.property(memory, sizes, ({ bytes }, { used, more, odd }) => {
      const state = { memories: [{ bytes }], globals: new Uint32Array(0), tables: [] }
      const image = encodeCheckpoint({ ...sampleCheckpoint(), instances: [state, state] })
      const saved = decodeCheckpoint(image).instances[0]!.memories[0] as SparseMemory
      const target = new Uint8Array(bytes.length + more + odd).fill(0xee, 0, used + odd).subarray(odd)
      const rest = target.slice(bytes.length)
      saved.copyTo(target, used)
      expect(saved.size).toBe(bytes.length)
      expect(Buffer.compare(target.subarray(0, bytes.length), bytes)).toBe(0)
      expect(Buffer.compare(target.subarray(bytes.length), rest)).toBe(0)
    }),
    { seed: 3, numRuns: 150 },
  )
})

test('an image at an odd address, or in a Buffer, is read like any other', () => {
  const image = encodeCheckpoint(sampleCheckpoint())
  const odd = new Uint8Array(image.length + 3)
  odd.set(image, 3)
  expectSame(decodeCheckpoint(odd.subarray(3)), sampleCheckpoint())
  expectSame(decodeCheckpoint(Buffer.from(odd.buffer, 3)), sampleCheckpoint())
})

test('deflate makes an image smaller', () => {
  const image = encodeCheckpoint(sampleCheckpoint(), { compression: 'deflate' })
  expect(image.length).toBeLessThan(1500)
  expect(encodeCheckpoint(sampleCheckpoint()).length).toBeGreaterThan(12_000)
})

test('the manifest is read from the head alone', () => {
  const original = sampleCheckpoint()
  const image = encodeCheckpoint(original)
  const { length } = readHead(image)
  expect(readManifest(image.subarray(0, length))).toEqual(manifestOf(original))
  expect(() => readManifest(image.subarray(0, length - 1))).toThrow(/damaged at byte/)
})

test('head and body can be made apart, in a buffer given by the caller', () => {
  const original = sampleCheckpoint()
  const dirty = new Uint8Array(1 << 20).fill(0xee)
  const body = packBody(original, () => dirty)
  const image = Buffer.concat([encodeHead(manifestOf(original), body), body.bytes])
  expect(new Uint8Array(image)).toEqual(encodeCheckpoint(original))
  expect(deflateBody(body).bytes.length).toBeLessThan(body.bytes.length)
})

test('a memory that begins at an odd address is packed like any other', () => {
  const backing = new Uint8Array(20_001)
  backing[9000] = 1
  const odd = { memories: [{ bytes: backing.subarray(1) }], globals: new Uint32Array(0), tables: [] }
  const even = { ...odd, memories: [{ bytes: backing.slice(1) }] }
  const image = (state: typeof odd) => encodeCheckpoint({ ...sampleCheckpoint(), instances: [state, state] })
  expect(image(odd)).toEqual(image(even))
})

test('what the decoder would refuse is not written', () => {
  const original = sampleCheckpoint()
  expect(() => encodeCheckpoint({ ...original, label: 'x'.repeat(5000) })).toThrow(/label/)
  expect(() => encodeCheckpoint({ ...original, calls: 1.5 })).toThrow(/calls/)
})

test('the JSON view has everything but the contents of memory', () => {
  const view = checkpointToJson(sampleCheckpoint())
  expect(view.time).toBe('2025-11-22T00:40:00.123Z')
  expect(view.instances[0]!.memories[0]).toEqual({ bytes: 196608, nonZeroBytes: 12288, xxh64: expect.any(String) })
  expect(view.stacks[1]).toEqual({ entry: null, call: { import: -1, args: [] }, frames: [] })
  expect(JSON.parse(JSON.stringify(view))).toEqual(view)
})
