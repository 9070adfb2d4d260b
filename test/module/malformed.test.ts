import { describe, expect, test } from 'vitest'
import { isStasisError } from '../../wasm-shim/errors.ts'
import type { WasmModule } from '../../wasm-shim/module/model.ts'
import { readNames } from '../../wasm-shim/module/names.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { writeModule } from '../../wasm-shim/module/write.ts'
import { seededBelow } from '../support/seeded.ts'
import { binary, content, everySection, header, wat } from './support.ts'

/**
 * The module, or nothing if it was refused as it should be; any other error is the test's. What the engine finds valid
 * is never malformed.
 */
function readOrRefuse(bytes: Uint8Array): WasmModule | undefined {
  try {
    return readModule(bytes)
  } catch (error) {
    if (!isStasisError(error)) throw error
    const valid = WebAssembly.validate(bytes)
    const unsupported = error.code === 'STASIS_MODULE_UNSUPPORTED'
    const malformed = error.code === 'STASIS_MODULE_MALFORMED'
    if (!unsupported && (!malformed || valid)) throw error
    const { offset } = error.fields
    if (typeof offset !== 'number' || offset < 0 || offset > bytes.length) throw error
    return undefined
  }
}

/** Values where lengths, signs and LEB128 change, besides plain noise. */
const nasty = [0x00, 0x01, 0x0b, 0x3f, 0x40, 0x60, 0x63, 0x64, 0x70, 0x7f, 0x80, 0xfb, 0xfd, 0xff]

function mutate(original: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = Array.from(original)
  for (let edits = 1 + random(3); edits > 0; edits--) {
    const at = 8 + random(bytes.length - 8)
    const value = random(2) ? nasty[random(nasty.length)]! : random(256)
    switch (random(4)) {
      case 0:
        bytes.splice(at, 1)
        break
      case 1:
        bytes.splice(at, 0, value)
        break
      case 2:
        bytes[at] = (bytes[at]! + (random(2) ? 1 : 255)) & 0xff
        break
      default:
        bytes[at] = value
    }
  }
  return Uint8Array.from(bytes)
}

const small = wat(everySection, { names: true })

test('a module cut at any byte is refused, but for the ends of sections', () => {
  const { sections, code } = readModule(small)
  const ends = new Set([8, ...sections.map(({ body }) => body.end)])
  const codeEnd = sections.find(({ id }) => id === 10)!.body.end
  expect(code.start.length).toBeGreaterThan(0)
  for (let length = 0; length < small.length; length++) {
    const module = readOrRefuse(small.subarray(0, length))
    if (module !== undefined) expect(ends).toContain(length)
    // Functions announced and missing, data segments announced and missing.
    if (length > sections.find(({ id }) => id === 3)!.at && length <= codeEnd) expect(module).toBeUndefined()
  }
})

test('20,000 mutated modules are refused or survive a round trip, in bounded time', () => {
  const random = seededBelow(20_261_122)
  let accepted = 0
  const started = performance.now()
  for (let round = 0; round < 20_000; round++) {
    const bytes = mutate(small, random)
    const module = readOrRefuse(bytes)
    if (module === undefined) continue
    accepted++
    for (let i = 0; i < module.functions.length; i++) readNames(module).functionName(i)
    if (accepted % 8 !== 0) continue
    const once = writeModule(module)
    const again = readModule(once)
    expect(WebAssembly.validate(once), `round ${round}`).toBe(WebAssembly.validate(bytes))
    expect(content(again), `round ${round}`).toEqual(content(module))
    expect(Buffer.compare(writeModule(again), once), `round ${round}`).toBe(0)
  }
  expect(accepted).toBeGreaterThan(1000)
  expect(accepted).toBeLessThan(19_000)
  expect(performance.now() - started).toBeLessThan(20_000)
}, 30_000)

const f = [0x60, 0, 0]
const function0 = [3, 1, 0]
const body0 = [10, 1, 2, 0, 0x0b]

const malformed: Readonly<Record<string, readonly [Uint8Array, string, number]>> = {
  'an empty file': [new Uint8Array(0), 'too short', 0],
  'a text file': [new TextEncoder().encode('#!/usr/bin/env wasm'), 'does not begin', 0],
  'an unknown version': [Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), 'version 2', 4],
  'a section larger than the file': [Uint8Array.of(...header, 1, 0xff, 0x7f), 'announced', 11],
  'an unknown section': [binary([14, 0]), '14 is not a section', 8],
  'a section twice': [binary([1, 0], [1, 0]), 'type section is out of order', 11],
  'sections out of order': [binary([3, 0], [1, 0]), 'type section is out of order', 11],
  'a tag section after the globals': [binary([6, 0], [13, 0]), 'tag section is out of order', 11],
  'bytes left over in a section': [binary([1, 0, 0]), '1 bytes are left over after the type section', 11],
  'four billion types in five bytes': [binary([1, 0xff, 0xff, 0xff, 0xff, 0x0f]), '4294967295 entries', 10],
  'four billion functions in six bytes': [binary([3, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), '4294967295 entries', 10],
  'a custom section with a broken name': [binary([0, 1, 0xff]), 'UTF-8', 10],
  'an unknown value type': [binary([1, 1, 0x60, 1, 0x11, 0]), '0x11 is not a type', 13],
  'a function of an unknown type': [binary([1, 1, ...f], [3, 1, 1]), 'type 1 does not exist', 17],
  'a function without a body': [binary([1, 1, ...f], function0), '1 functions are declared, but there are 0', 18],
  'a body without a function': [binary(body0), '0 functions are declared, but there are 1', 14],
  'a body without an end': [binary([1, 1, ...f], function0, [10, 1, 2, 0, 0x0c]), 'no end', 22],
  'an import of an unknown kind': [binary([2, 1, 0, 0, 5, 0]), '5 is not a kind of import', 13],
  'an export of what does not exist': [binary([7, 1, 1, 0x61, 2, 0]), "'a' names memory 0", 11],
  'a name exported twice': [binary([5, 1, 0, 0], [7, 2, 1, 0x61, 2, 0, 1, 0x61, 2, 0]), "'a' is exported twice", 20],
  'a start function that does not exist': [binary([8, 0]), 'start function 0 does not exist', 10],
  'a start function with a parameter': [
    binary([1, 1, 0x60, 1, 0x7f, 0], function0, [8, 0], body0),
    'start function 0 has parameters',
    21,
  ],
  'a segment of a table that does not exist': [binary([9, 1, 0, 0x41, 0, 0x0b, 0]), 'table 0', 11],
  'an element that does not exist': [binary([9, 1, 1, 0, 1, 0]), 'function 0 in an element segment', 15],
  'an element segment of an unknown form': [binary([9, 1, 8, 0, 0]), '8 is not the form of an element', 11],
  'a segment of a memory that does not exist': [binary([11, 1, 0, 0x41, 0, 0x0b, 0]), 'memory 0', 11],
  'a data segment of an unknown form': [binary([11, 1, 3, 0]), '3 is not the form of a data', 11],
  'a wrong data count': [binary([12, 2], [11, 1, 1, 0]), '2 data segments are announced', 16],
  'a global that refers to a later one': [
    binary([6, 1, 0x7f, 0, 0x23, 0, 0x0b]),
    'global 0 is not defined at this point',
    13,
  ],
  'an instruction that is not constant': [binary([6, 1, 0x7f, 0, 0x45, 0x0b]), 'opcode 0x45 is not allowed', 13],
  'a vector instruction that is not constant': [binary([6, 1, 0x7b, 0, 0xfd, 13, 0x0b]), 'vector instruction 13', 13],
  'a heap type of an unknown number': [binary([6, 1, 0x70, 0, 0xd0, 0xf0, 0x7d, 0x0b]), '-272 is not a heap type', 14],
  'an initialiser without an end': [binary([6, 1, 0x7f, 0, 0x41, 0]), 'ends in the middle', 15],
  'a maximum below the minimum': [binary([5, 1, 1, 2, 1]), 'maximum 1 is below the minimum 2', 11],
  'a shared memory without a maximum': [binary([5, 1, 2, 1]), 'no maximum', 11],
  'unknown limits': [binary([5, 1, 0x10, 1]), 'limits flags 16', 11],
  'a table of numbers': [binary([4, 1, 0x7f, 0, 0]), 'reference type was expected', 11],
}

describe('the error for a malformed module says what and where', () => {
  test.each(Object.entries(malformed))('%s', (_, [bytes, message, offset]) => {
    expect(() => readModule(bytes)).toThrow(
      expect.objectContaining({
        code: 'STASIS_MODULE_MALFORMED',
        message: expect.stringContaining(message),
        fields: { offset },
      }),
    )
  })
})

const gc = 'garbage collection'

const unsupported: Readonly<Record<string, readonly [Uint8Array, string, number]>> = {
  'a recursive group': [binary([1, 1, 0x4e, 1, ...f]), gc, 11],
  'a final subtype': [binary([1, 1, 0x4f, 0, ...f]), gc, 11],
  'a subtype': [binary([1, 1, 0x50, 0, ...f]), gc, 11],
  'a structure': [binary([1, 1, 0x5f, 0]), gc, 11],
  'an array': [binary([1, 1, 0x5e, 0x7f, 0]), gc, 11],
  'a parameter of type i31ref': [binary([1, 1, 0x60, 1, 0x6c, 0]), gc, 13],
  'a parameter of type anyref in its long form': [binary([1, 1, 0x60, 1, 0x63, 0x6e, 0]), gc, 14],
  'the null of eqref': [binary([6, 1, 0x70, 0, 0xd0, 0x6d, 0x0b]), gc, 14],
  'a constant structure': [binary([6, 1, 0x70, 0, 0xfb, 0, 0, 0x0b]), gc, 13],
  'a reference to a type': [binary([1, 1, 0x60, 1, 0x63, 0x00, 0]), 'typed function references', 14],
  'a reference that is never null': [binary([1, 1, 0x60, 1, 0x64, 0x70, 0]), 'typed function references', 13],
  'a continuation type': [binary([1, 1, 0x5d, 0]), 'stack switching', 11],
  'a shared table': [binary([4, 1, 0x70, 3, 1, 1]), 'shared-everything threads', 12],
  'a shared global': [binary([6, 1, 0x7f, 2, 0x41, 0, 0x0b]), 'shared-everything threads', 12],
  'a component': [Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), 'components', 4],
}

describe('the error for an unsupported feature names it', () => {
  test.each(Object.entries(unsupported))('%s', (_, [bytes, feature, offset]) => {
    expect(() => readModule(bytes)).toThrow(
      expect.objectContaining({
        code: 'STASIS_MODULE_UNSUPPORTED',
        message: expect.stringContaining(feature),
        fields: { feature, offset },
      }),
    )
  })
})
