import { describe, expect, test } from 'vitest'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { assemble } from '../engine/assemble.ts'
import { everywhere } from '../engine/fixtures/index.ts'
import { binary, everySection, wat } from '../module/support.ts'
import { seededBelow } from '../support/seeded.ts'

/**
 * Pre-links, or refuses as it should: with an error of ours that names the feature where V8 finds the module valid.
 * What is accepted stays valid.
 */
function examine(bytes: Uint8Array): 'accepted' | 'refused' | 'invalid' {
  const valid = WebAssembly.validate(bytes)
  try {
    const { bytes: output } = prelink(bytes, { polls: 'all' })
    if (valid && !WebAssembly.validate(output)) throw new Error('a valid module became invalid')
    return valid ? 'accepted' : 'invalid'
  } catch (error) {
    if (!isStasisError(error)) throw error
    if (!valid && error.code === 'STASIS_MODULE_MALFORMED') return 'invalid'
    if (error.code === 'STASIS_MODULE_UNSUPPORTED' && 'feature' in error.fields) return valid ? 'refused' : 'invalid'
    throw error
  }
}

const fixtures = everywhere
  .map((fixture) => assemble(fixture))
  .filter((bytes) => bytes.length < 1200)
  .concat([wat(everySection)])

test('fixtures cut short are malformed, wherever the cut', () => {
  for (const bytes of fixtures.filter((_, i) => i % 5 === 0))
    for (let length = 0; length < bytes.length; length += 3) examine(bytes.slice(0, length))
})

test('five thousand mutations are accepted, refused by feature, or malformed, and none takes long', () => {
  const random = seededBelow(20_260_701)
  const counts = { accepted: 0, refused: 0, invalid: 0 }
  let longest = 0
  for (let round = 0; round < 5000; round++) {
    const bytes = fixtures[round % fixtures.length]!.slice()
    for (let edits = 1 + random(2); edits > 0; edits--) {
      const at = 8 + random(bytes.length - 8)
      bytes[at] = random(3) === 0 ? random(256) : (bytes[at]! + (random(2) ? 1 : 255)) & 0xff
    }
    const began = performance.now()
    try {
      counts[examine(bytes)]++
    } catch (error) {
      throw new Error(`round ${round}: ${Buffer.from(bytes).toString('base64')}`, { cause: error })
    }
    longest = Math.max(longest, performance.now() - began)
  }
  expect(counts.accepted).toBeGreaterThan(500)
  expect(counts.invalid).toBeGreaterThan(1000)
  expect(longest).toBeLessThan(2000)
}, 60_000)

const type0 = [1, 1, 0x60, 0, 0]
const one = [3, 1, 0]
const body = (...code: number[]) => binary(type0, one, [10, 1, code.length + 2, 0, ...code, 0x0b])

const unsupported: Readonly<Record<string, readonly [Uint8Array, string]>> = {
  'ref.as_non_null': [body(0xd0, 0x70, 0xd4, 0x1a), 'typed function references'],
  br_on_null: [body(0xd0, 0x70, 0xd5, 0, 0x1a), 'typed function references'],
  call_ref: [body(0x14, 0), 'typed function references'],
  'struct.new': [body(0xfb, 0, 0), 'garbage collection'],
  'the null of a structure': [body(0xd0, 0x6b, 0x1a), 'garbage collection'],
  'a block of anyref': [body(0x02, 0x6e, 0x0b), 'garbage collection'],
  'a block of a typed reference': [body(0x02, 0x64, 0, 0x0b), 'typed function references'],
  'a local of a typed reference': [binary(type0, one, [10, 1, 5, 1, 1, 0x63, 0, 0x0b]), 'typed function references'],
}

describe('the refusal of code that the pre-linker does not rewrite names the feature', () => {
  test.each(Object.entries(unsupported))('%s', (_, [bytes, feature]) => {
    expect(() => prelink(bytes)).toThrow(
      expect.objectContaining({
        code: 'STASIS_MODULE_UNSUPPORTED',
        message: expect.stringContaining(feature),
        fields: expect.objectContaining({ feature }),
      }),
    )
  })
})

const malformed: Readonly<Record<string, Uint8Array>> = {
  'an unknown opcode': body(0xff),
  'an unknown vector opcode': body(0xfd, 0xff, 0x03),
  'a branch to a label that is not there': body(0x0c, 9),
  'a call of a function that is not there': body(0x10, 9),
  'a local that is not there': body(0x20, 9, 0x1a),
  'a global that is not there': body(0x23, 9, 0x1a),
  'an operand that is not there': body(0x1a),
  'an end too many': body(0x0b),
  'an end too few': body(0x02, 0x40),
  'an else without if': body(0x05),
  'a catch without try': body(0x19),
  'a rethrow outside of a catch': body(0x09, 0),
  'a branch table longer than the function': body(0x41, 0, 0x0e, 0xff, 0xff, 0x7f),
  'four billion locals': binary(type0, one, [10, 1, 8, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b]),
}

describe('malformed code', () => {
  test.each(Object.entries(malformed))('%s is refused, or left to the engine, in no time', (_, bytes) => {
    const began = performance.now()
    expect(examine(bytes)).toBe('invalid')
    expect(performance.now() - began).toBeLessThan(500)
  })
})

describe('a function that would fill the memory is refused', () => {
  const tooLarge = expect.objectContaining({
    code: 'STASIS_MODULE_UNSUPPORTED',
    fields: expect.objectContaining({ feature: 'function size' }),
  })
  const refused = (code: string) => {
    const bytes = wat(`(module (import "env" "tick" (func $tick)) (func (export "run") ${code}))`)
    expect(WebAssembly.validate(bytes)).toBe(true)
    const began = performance.now()
    expect(() => prelink(bytes)).toThrow(tooLarge)
    expect(performance.now() - began).toBeLessThan(5000)
  }
  const times = (count: number, code: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => code(i)).join(' ')

  test('by its live locals', () => {
    refused(`${'(local i32)'.repeat(2000)} ${'call $tick '.repeat(3000)} ${times(2000, (i) => `local.get ${i} drop`)}`)
  })

  test('by its operands', () => {
    refused(`${'i32.const 1 '.repeat(2000)} ${'call $tick '.repeat(3000)} ${'drop '.repeat(2000)}`)
  })

  test('by its basic blocks', () => {
    refused(`${'(local i32)'.repeat(8000)} ${'call $tick block end '.repeat(30_000)}`)
  })
})
