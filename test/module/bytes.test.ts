import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../wasm-shim/bytes/reader.ts'
import { ByteWriter } from '../../wasm-shim/bytes/writer.ts'

const malformed = expect.objectContaining({ code: 'STASIS_MODULE_MALFORMED' })

function written(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter()
  write(out)
  return out.finish()
}

function reader(...bytes: number[]): ByteReader {
  return new ByteReader(Uint8Array.from(bytes))
}

describe('what is written is read back', () => {
  const s33 = fc.oneof(
    fc.integer({ min: -(2 ** 32), max: 2 ** 32 - 1 }),
    fc.constantFrom(0x3f, 0x40, -0x40, -0x41, 2 ** 31, -(2 ** 31) - 1, 2 ** 32 - 1, -(2 ** 32)),
  )
  test('unsigned 32-bit numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
        const read = new ByteReader(written((out) => out.u32(value)))
        expect([read.u32(), read.remaining]).toEqual([value, 0])
      }),
    )
  })
  test('signed 32-bit numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }), (value) => {
        const read = new ByteReader(written((out) => out.s32(value)))
        expect([read.s32(), read.remaining]).toEqual([value, 0])
      }),
    )
  })
  test('signed 33-bit numbers', () => {
    fc.assert(
      fc.property(s33, (value) => {
        const read = new ByteReader(written((out) => out.s33(value)))
        expect([read.s33(), read.remaining]).toEqual([value, 0])
      }),
    )
  })
  test('signed 64-bit numbers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const read = new ByteReader(written((out) => out.s64(value)))
        expect([read.s64(), read.remaining]).toEqual([value, 0])
      }),
    )
  })
  test('unsigned 64-bit sizes up to 2^53', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const read = new ByteReader(written((out) => out.u64(value)))
        expect([read.u64(), read.remaining]).toEqual([value, 0])
      }),
    )
  })
  test('names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(new ByteReader(written((out) => out.name(value))).name()).toBe(value)
      }),
    )
  })
})

describe('numbers in more bytes than needed', () => {
  test('are accepted up to the length of their type', () => {
    expect(reader(0x81, 0x80, 0x80, 0x80, 0x00).u32()).toBe(1)
    expect(reader(0xff, 0xff, 0xff, 0xff, 0x7f).s32()).toBe(-1)
    expect(reader(0x81, 0x80, 0x80, 0x80, 0x00).s33()).toBe(1)
    expect(reader(0xff, 0xff, 0xff, 0xff, 0x7f).s33()).toBe(-1)
    expect(reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f).s64()).toBe(-1n)
    expect(reader(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00).u64()).toBe(1)
  })
  test('are refused beyond it, and so are bits beyond the type', () => {
    expect(() => reader(0x81, 0x80, 0x80, 0x80, 0x80, 0x00).u32()).toThrow(malformed)
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x1f).u32()).toThrow(malformed)
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f).s32()).toThrow(malformed)
    expect(() => reader(0x80, 0x80, 0x80, 0x80, 0x70).s32()).toThrow(malformed)
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x1f).s33()).toThrow(malformed)
    expect(() => reader(0x80, 0x80, 0x80, 0x80, 0x60).s33()).toThrow(malformed)
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01).s64()).toThrow(malformed)
    expect(() => reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02).u64()).toThrow(malformed)
  })
})

test('a 64-bit size above 2^53 is refused', () => {
  expect(() => reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10).u64()).toThrow(malformed)
})

test('a list longer than its bytes is refused before anything is allocated', () => {
  expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f, 0x00).count()).toThrow(malformed)
  expect(() => reader(0x02, 0x00, 0x00, 0x00).count(2)).toThrow(malformed)
  expect(reader(0x01, 0x00, 0x00).count(2)).toBe(1)
})

test.each([
  ['a lone continuation byte', [0x01, 0x80]],
  ['an over-long encoding', [0x02, 0xc0, 0x80]],
  ['a surrogate', [0x03, 0xed, 0xa0, 0x80]],
  ['a cut sequence', [0x02, 0xe2, 0x82]],
])('a name with %s is refused', (_, bytes) => {
  expect(() => reader(...bytes).name()).toThrow(malformed)
})

test('an error in a sub-reader names the offset in the whole', () => {
  const whole = reader(0x00, 0x00, 0x02, 0x05, 0x41, 0x00)
  whole.skip(2)
  const part = whole.sub(whole.u32())
  expect(() => part.name()).toThrow(expect.objectContaining({ code: 'STASIS_MODULE_MALFORMED', fields: { offset: 4 } }))
  expect(whole.pos).toBe(5)
})

test('a length is written before what it measures, whatever its width', () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 3_000_000]) {
    const payload = new Uint8Array(size).fill(0x55)
    const once = written((out) => {
      out.u8(9)
      out.sizedBy(() => out.bytes(payload))
      out.u8(7)
    })
    const read = new ByteReader(once)
    expect([read.u8(), read.u32(), read.skip(size) > 0, read.u8(), read.remaining]).toEqual([9, size, true, 7, 0])
    expect(once[once.length - 2]).toBe(size === 0 ? 0 : 0x55)
  }
})
