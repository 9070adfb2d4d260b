import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkSessionName, formatAddress, parseAddress, resolveVersion } from '../../runtime/store/address.ts'

test('an address is a name and a version, 0 when none is given', () => {
  expect(parseAddress('calc')).toEqual({ name: 'calc', version: 0 })
  expect(parseAddress('calc@-0')).toEqual({ name: 'calc', version: 0 })
  expect(parseAddress('a.b-c_1@-12')).toEqual({ name: 'a.b-c_1', version: -12 })
})

test('an address survives being written and read', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9_-][a-z0-9._-]{0,20}$/), fc.integer({ min: -999, max: 999 }), (name, v) => {
      expect(parseAddress(formatAddress({ name, version: v }))).toEqual({ name, version: v })
    }),
    { seed: 1, numRuns: 100 },
  )
})

test.each(['', '.', '..', '.calc', 'a/b', 'a\\b', 'a b', 'ä', 'a\n', 'a\0', 'x'.repeat(65)])(
  'the session name %j is refused',
  (name) => {
    expect(() => checkSessionName(name)).toThrow(/Use letters, digits/)
  },
)

test.each(['calc@', 'calc@x', 'calc@1.5', 'calc@+1', 'calc@1@2', 'calc@9999999999'])('%j has no version', (text) => {
  expect(() => parseAddress(text)).toThrow(/is not a version of calc/)
})

test('a relative version skips numbers that are gone', () => {
  const at = (version: number) => resolveVersion([2, 5, 9], { name: 'calc', version })
  expect([at(0), at(-1), at(-2), at(5)]).toEqual([9, 5, 2, 5])
  expect(() => at(-3)).toThrow(/no version -3. It has 2, 5, 9/)
  expect(() => at(1)).toThrow(/no version 1/)
})
