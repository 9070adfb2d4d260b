// Every canned case under node:wasi gives its recorded outcome, so a recorded outcome is a fact about the program.
// Record anew with UPDATE_EXPECTED=1, after reading what changed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { majorOf, newestNode } from '../support/nodes.ts'
import { cases, comparable, expectedOutcome } from './cases.ts'
import { program } from './programs.ts'
import { runPlain } from './run-plain.ts'

const node = newestNode()
const hasExnref = majorOf(node) >= 22

describe('a test program under node:wasi', () => {
  for (const each of cases) {
    const { available, reason, needsExnref } = program(each.program)
    const problem = available ? (needsExnref && !hasExnref ? 'this Node has no exnref' : undefined) : reason
    test.skipIf(problem !== undefined)(
      `${each.name} gives its recorded outcome${problem ? ` (${problem})` : ''}`,
      () => {
        const outcome = comparable(each, runPlain(each, node))
        if (process.env.UPDATE_EXPECTED) {
          mkdirSync(new URL('expected', import.meta.url), { recursive: true })
          writeFileSync(new URL(`expected/${each.name}.json`, import.meta.url), `${JSON.stringify(outcome, null, 2)}\n`)
        }
        expect(outcome).toEqual(expectedOutcome(each))
      },
    )
  }
})
