import { expect, test } from 'vitest'
import { onNewest, withoutNewest } from '../support/on-newest.ts'
import type { SeedResult } from './generated-newest.ts'

const seeds = Array.from({ length: 40 }, (_, i) => i + 1)
const reason = withoutNewest()
const why = reason === undefined ? '' : ` (skipped: ${reason})`

test.skipIf(reason !== undefined)(
  `forty random modules do the same whether frozen or not${why}`,
  { timeout: 240_000 },
  () => {
    const url = new URL('generated-newest.ts', import.meta.url)
    const results = onNewest(url, JSON.stringify(seeds)) as [number, SeedResult][]
    expect(results.map(([seed]) => seed)).toEqual(seeds)
    expect(results.filter(([, { problems }]) => problems.length > 0)).toEqual([])
    const sum = (count: (result: SeedResult) => number) => results.reduce((total, [, each]) => total + count(each), 0)
    expect(sum(({ kind }) => (kind === 'checked' ? 1 : 0))).toBeGreaterThan(25)
    expect(sum(({ captures }) => captures)).toBeGreaterThan(2000)
    expect(sum(({ frames }) => frames)).toBeGreaterThan(4000)
    const refusals = new Set(results.flatMap(([, each]) => each.refusals))
    expect([...refusals].filter((code) => code !== 'STASIS_CAPTURE_REFERENCE')).toEqual([])
  },
)
