import { expect, test } from 'vitest'
import { readNames } from '../../wasm-shim/module/names.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { binary, wat } from './support.ts'

/** Two functions and a section `name` with the given contents. */
function named(...contents: number[]): Uint8Array {
  return binary(
    [1, 1, 0x60, 0, 0],
    [3, 2, 0, 0],
    [7, 1, 1, 0x65, 0, 1],
    [10, 2, 2, 0, 0x0b, 2, 0, 0x0b],
    [0, 4, ...Buffer.from('name'), ...contents],
  )
}

function names(bytes: Uint8Array): (string | undefined)[] {
  const { functionName } = readNames(readModule(bytes))
  return [functionName(0), functionName(1)]
}

const ab = [1, 0x61, 1, 1, 0x62] as const

test('function names come from the name section', () => {
  expect(names(wat('(module (func $first) (func $second))', { names: true }))).toEqual(['first', 'second'])
  expect(names(named(0, 2, 1, 0x6d, 1, 7, 2, 0, ...ab))).toEqual(['a', 'b'])
})

test('without a name a function is called by its export, then by its import', () => {
  const text = '(module (import "env" "log" (func)) (func) (export "run" (func 1)) (export "main" (func 1)))'
  expect(names(wat(text))).toEqual(['env.log', 'run'])
  expect(names(named())).toEqual([undefined, 'e'])
})

test('an index beyond the functions has no name', () => {
  const { functionName } = readNames(readModule(named(1, 10, 3, 0, ...ab, 9, 1, 0x63)))
  expect(functionName(0)).toBe('a')
  expect(functionName(9)).toBeUndefined()
  expect(functionName(-1)).toBeUndefined()
})

test.each<[string, readonly number[], (string | undefined)[]]>([
  ['a subsection longer than the section', [1, 99, 2, 0, ...ab], [undefined, 'e']],
  ['more names announced than there is room for', [1, 7, 0x7f, 0, ...ab], [undefined, 'e']],
  ['a name longer than its subsection', [1, 7, 2, 0, 1, 0x61, 1, 99, 0x62], ['a', 'e']],
  ['a number without an end', [0x80, 0x80, 0x80], [undefined, 'e']],
  ['a name that is not UTF-8', [1, 7, 2, 0, 1, 0xff, 1, 1, 0x62], ['\ufffd', 'b']],
])('of a malformed name section, what precedes the defect counts: %s', (_, contents, expected) => {
  expect(names(named(...contents))).toEqual(expected)
})
