import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { InitialPages, withModulePages, withoutModulePages } from '../../runtime/transfer/export/module-pages.ts'
import { tinyCheckpoint } from '../image/sample.ts'
import { program } from '../programs/programs.ts'
import { wat } from '../session/guests.ts'
import { titled } from '../support/titled.ts'

const page = 4096
const letters = 'abcdefghij'.repeat(2000)

/** 20,000 letters from byte 5,000 on, of which five are written over; and some whose place is not known beforehand. */
const module = wat(`(module (import "env" "base" (global $base i32)) (memory 2)
  (data (i32.const 5000) "${letters}") (data (i32.const 9000) "-----") (data (global.get $base) "moved") (data "passive"))`)

function initial(): Uint8Array {
  const bytes = new Uint8Array(131_072)
  bytes.set(new TextEncoder().encode(letters), 5000)
  bytes.set(new TextEncoder().encode('-----'), 9000)
  return bytes
}

function checkpointOf(bytes: Uint8Array) {
  const sample = tinyCheckpoint()
  return { ...sample, instances: [{ ...sample.instances[0]!, memories: [{ bytes }] }] }
}

const memoryOf = (checkpoint: ReturnType<typeof checkpointOf>) => checkpoint.instances[0]!.memories[0]!.bytes

test('pages that hold what the module put there are left out, and come back', () => {
  const bytes = initial()
  bytes[3 * page + 7] = 1
  bytes[20 * page] = 2
  const { checkpoint, runs } = withoutModulePages(checkpointOf(bytes), module)
  // 5,000 to 25,000 lies on pages 1 to 6; the program has changed page 3.
  expect(runs).toEqual([
    [0, 1, 2],
    [0, 4, 3],
  ])
  const left = checkpoint.instances[0]!.memories[0]!.bytes
  expect(left.subarray(page, 3 * page).every((byte) => byte === 0)).toBe(true)
  expect(left[3 * page + 7]).toBe(1)
  expect(memoryOf(withModulePages(checkpoint, runs, module) as never)).toEqual(bytes)
})

test.each([
  ['a page without a segment', [[0, 9, 1]]],
  ['a page that the image has too', [[0, 3, 1]]],
  ['a page behind the end', [[0, 40, 1]]],
  ['a memory that is not there', [[1, 1, 1]]],
] as const)('%s is refused', (_, runs) => {
  const bytes = new Uint8Array(131_072)
  bytes[3 * page] = 1
  expect(() => withModulePages(checkpointOf(bytes), runs as never, module)).toThrow(/share|does not have/)
})

test('a module that cannot be read shares nothing', () => {
  expect(withoutModulePages(checkpointOf(initial()), new Uint8Array(8)).runs).toEqual([])
})

const cpython = program('cpython')
describe.skipIf(!cpython.available)(titled('CPython', cpython.reason), () => {
  test('has its static data in memory as its module has it', () => {
    const bytes = new Uint8Array(readFileSync(cpython.path))
    const initial = new InitialPages(bytes)
    const memory = new Uint8Array(16 * 1024 * 1024)
    for (let at = 0; at < memory.length; at += page) memory.set(initial.page(0, at / page) ?? [], at)
    const { checkpoint, runs } = withoutModulePages(checkpointOf(memory), bytes)
    expect(checkpoint.instances[0]!.memories[0]!.bytes.every((byte) => byte === 0)).toBe(true)
    expect(runs.reduce((sum, [, , count]) => sum + count, 0)).toBeGreaterThan(1000)
    expect(Buffer.compare(memoryOf(withModulePages(checkpoint, runs, bytes) as never), memory)).toBe(0)
  })
})
