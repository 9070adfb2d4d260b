import { describe, expect, test } from 'vitest'
import { onNewest as runOnNewest, withoutNewest } from '../support/on-newest.ts'
import { titled } from '../support/titled.ts'
import { check, encodingModes, modes } from './check.ts'
import type { Fixture } from './fixture.ts'
import { everywhere, onNewest } from './fixtures/index.ts'

const named = (fixtures: readonly Fixture[]) => fixtures.map((fixture) => [fixture.name, fixture] as const)

describe.each(Object.entries(modes))('frozen at every call and resumed %s', (_, options) => {
  test.each(named(everywhere))('%s', (_, fixture) => {
    expect(check(fixture, options)).toEqual([])
  })
})

let problems: Record<string, string[]> | undefined
const reason = withoutNewest()

describe.skipIf(reason !== undefined)(titled('on the newest Node', reason), () => {
  describe.each(Object.keys({ ...modes, ...encodingModes }))('frozen at every call and resumed %s', (mode) => {
    test.each(named([...everywhere, ...onNewest]))('%s', { timeout: 180_000 }, (name) => {
      problems ??= runOnNewest(new URL('newest.ts', import.meta.url)) as Record<string, string[]>
      expect(problems[`${name} | ${mode}`]).toEqual([])
    })
  })
})
