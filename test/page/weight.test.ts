import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { buildPage } from './pages.ts'

/** Bytes, compressed as servers do: what a page may cost without its programs. */
const limit = 400_000

test('the page with all its scripts weighs at most 400 KB', () => {
  const folder = buildPage()
  const files = readdirSync(folder).filter((name) => /\.(js|html|css)$/.test(name))
  expect(files).toContain('page.js')
  const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(`${folder}/${name}`)).length, 0)
  expect(bytes).toBeLessThanOrEqual(limit)
  // Else something was not counted.
  expect(bytes).toBeGreaterThan(100_000)
}, 60_000)
