import { expect, test } from 'vitest'
import { freeName, parseEnvironment, splitWords } from '../../host-browser/page/program.ts'

test('arguments are words as in a shell', () => {
  expect(splitWords('')).toEqual([])
  expect(splitWords('  -v  input.csv ')).toEqual(['-v', 'input.csv'])
  expect(splitWords(`a 'b c' "d \\"e\\"" f\\ g '' x'y'"z"`)).toEqual(['a', 'b c', 'd "e"', 'f g', '', 'xyz'])
  expect(() => splitWords("'open")).toThrow('not closed')
  expect(() => splitWords('end\\')).toThrow('backslash')
})

test('an environment is lines of NAME=VALUE', () => {
  expect(parseEnvironment('A=1\n\nB=x=y\nC=')).toEqual({ A: '1', B: 'x=y', C: '' })
  expect(() => parseEnvironment('nothing')).toThrow('"nothing" is no NAME=VALUE')
  expect(() => parseEnvironment('=1')).toThrow('NAME=VALUE')
})

test('a session is named after its program, and has a number where that is taken', () => {
  expect(freeName('Lua 5.4.wasm', new Set())).toBe('lua-5.4')
  expect(freeName('lua', new Set(['lua', 'lua-2']))).toBe('lua-3')
  expect(freeName('../..', new Set())).toBe('program')
})
