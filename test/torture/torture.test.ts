// The real programs, frozen and resumed again and again: output, files and exit code are as in a plain run.
import { describe, expect, test } from 'vitest'
import { cases, comparable, expectedOutcome } from '../programs/cases.ts'
import { program } from '../programs/programs.ts'
import { machineNode, majorOf } from '../support/nodes.ts'
import { onNewest, withoutNewest } from '../support/on-newest.ts'
import { runInstrumented } from '../support/run-case.ts'
import { titled } from '../support/titled.ts'
import { dear, outcomeOf, runnable, strideOf, type Way, ways, withFiles } from './ways.ts'

const here = runnable(majorOf(machineNode()) >= 24)

describe.each(Object.entries(ways))('frozen and resumed %s', (way, options) => {
  const isOnFiles = withFiles.includes(way as Way)
  const wanted = isOnFiles ? here.filter(({ mounts }) => mounts.length > 0) : here
  const chosen = way === 'in fresh instances' || isOnFiles ? wanted : wanted.filter(({ name }) => !dear.includes(name))
  test.each(chosen.map((each) => [each.name, each] as const))('%s', { timeout: 180_000 }, (name, each) => {
    const run = runInstrumented(each, { ...options, every: strideOf(name, way as Way) })
    expect(comparable(each, outcomeOf(run))).toEqual(comparable(each, expectedOutcome(each)))
    expect(run.restores).toBeGreaterThan(0)
    expect(run.deepest).toBeGreaterThan(1)
  })
})

// Shown by name where a program could not be built, for example without apt.
for (const { name, program: needed } of cases) {
  const { available, reason } = program(needed)
  if (!available) test.skip(`${name} (${reason})`)
}

const reason = withoutNewest()
test.skipIf(reason !== undefined)(
  titled('in the exnref encoding on the newest Node', reason),
  { timeout: 240_000 },
  () => {
    const problems = onNewest(new URL('torture-newest.ts', import.meta.url)) as Record<string, string>
    expect(Object.keys(problems).length).toBeGreaterThan(10)
    expect(Object.entries(problems).filter(([, problem]) => problem !== '')).toEqual([])
  },
)
