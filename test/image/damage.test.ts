import { describe, expect, test } from 'vitest'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { readHead } from '../../runtime/image/head.ts'
import { isStasisError, type StasisError } from '../../wasm-shim/errors.ts'
import { resealImage } from './reseal.ts'
import { sampleCheckpoint, tinyCheckpoint } from './sample.ts'

const limit = { maxMemory: 1 << 24 }

/** Decodes all the way down, memories included. Anything but a StasisError escapes. */
function failure(image: Uint8Array): StasisError | undefined {
  try {
    for (const { memories } of decodeCheckpoint(image, limit).instances) for (const memory of memories) memory.bytes
    return undefined
  } catch (error) {
    if (isStasisError(error)) return error
    throw error
  }
}

/** A small generator with a seed (Numerical Recipes' constants), so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function mutate(image: Uint8Array, next: (below: number) => number): Uint8Array {
  const copy = image.slice()
  for (let count = 1 + next(3); count > 0; count--) {
    const at = next(copy.length)
    const choice = next(4)
    if (choice === 0) copy[at] = copy[at]! ^ (1 << next(8))
    else if (choice === 1) copy[at] = next(256)
    else if (choice === 2) copy.fill(next(2) * 255, at, at + 1 + next(8))
    else copy.copyWithin(at, next(copy.length), next(copy.length))
  }
  return copy
}

const images = [
  ['a stored image', encodeCheckpoint(tinyCheckpoint())],
  ['a deflated image', encodeCheckpoint(tinyCheckpoint(), { compression: 'deflate' })],
] as const

describe.each(images)('%s', (_, image) => {
  test('is refused when cut at any byte', () => {
    for (let length = 0; length < image.length; length++) {
      expect(failure(image.subarray(0, length))?.code).toMatch(/^STASIS_IMAGE_(DAMAGED|FOREIGN)$/)
    }
    expect(failure(image)).toBeUndefined()
  })

  test('is refused with one byte too many', () => {
    const longer = new Uint8Array(image.length + 1)
    longer.set(image)
    expect(failure(longer)?.message).toMatch(/1 bytes are left over/)
  })

  test('is refused when any byte is flipped', () => {
    for (let at = 0; at < image.length; at++) {
      const copy = image.slice()
      copy[at] = copy[at]! ^ 0x10
      expect(failure(copy)?.code, `byte ${at}`).toMatch(/^STASIS_IMAGE_(DAMAGED|FOREIGN|VERSION)$/)
    }
  })

  test('survives 10,000 mutations with a clear error', () => {
    const next = random(1)
    let changed = 0
    for (let round = 0; round < 10_000; round++) {
      const copy = mutate(image, next)
      const isChanged = Buffer.compare(copy, image) !== 0
      if (isChanged) changed++
      if (isChanged !== (failure(copy) !== undefined)) expect.fail(`round ${round} was not refused`)
    }
    expect(changed).toBeGreaterThan(8_000)
  })

  test('survives 10,000 mutations behind right checksums', () => {
    const next = random(2)
    let accepted = 0
    for (let round = 0; round < 10_000; round++) {
      const copy = mutate(image, next)
      resealImage(copy)
      if (failure(copy) === undefined) accepted++
    }
    // Mutated page contents and numbers are not wrong as such: some must get through, or the checksums were not right.
    expect(accepted).toBeGreaterThan(500)
  })
})

test('a file of another kind is called foreign', () => {
  const error = failure(new TextEncoder().encode('\0asm\u0001\0\0\0 and so on, for more than thirty-two bytes'))
  expect(error?.code).toBe('STASIS_IMAGE_FOREIGN')
  expect(failure(new Uint8Array(0))?.code).toBe('STASIS_IMAGE_FOREIGN')
})

test('an image of a later format names its version', () => {
  const image = encodeCheckpoint(tinyCheckpoint())
  image[8] = 2
  expect(failure(image)).toMatchObject({ code: 'STASIS_IMAGE_VERSION', fields: { version: 2, supported: 1 } })
})

test('an error names the section and its offset', () => {
  const image = encodeCheckpoint(sampleCheckpoint())
  const section = readHead(image).sections[1]!
  image[section.offset]! ^= 1
  expect(failure(image)?.message).toContain(
    `at byte ${section.offset}: the checksum of memory 1 of instance 0 is wrong`,
  )
})

test('memory is not promised beyond the limit, though the image is small', () => {
  const state = { memories: [{ bytes: new Uint8Array(32 << 20) }], globals: new Uint32Array(0), tables: [] }
  const image = encodeCheckpoint({ ...tinyCheckpoint(), instances: [state] })
  expect(image.length).toBeLessThan(4000)
  expect(failure(image)?.message).toContain('declares 33554432 bytes of memory, and at most 16777216')
})
