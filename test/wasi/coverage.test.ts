import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { coverageDocument } from '../../wasm-shim/wasi/coverage.ts'

const file = new URL('../../docs/wasi-coverage.md', import.meta.url)

test('docs/wasi-coverage.md says what the ABI table says', () => {
  if (process.env.UPDATE_DOCS) writeFileSync(file, coverageDocument())
  expect(readFileSync(file, 'utf8')).toBe(coverageDocument())
})
