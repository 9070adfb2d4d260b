// Freezes programs with exnref handlers, also those that throw by themselves, and prints what went wrong with each.
// Run by torture.test.ts on the newest Node.
import { isDeepStrictEqual } from 'node:util'
import { comparable, expectedOutcome } from '../programs/cases.ts'
import { runInstrumented } from '../support/run-case.ts'
import { dear, outcomeOf, runnable, strideOf } from './ways.ts'

/** These throw with the legacy instructions. */
const ownLegacy = ['lua-eh-closures', 'lua-eh-errors', 'lua-eh-stdin', 'cpp-eh', 'longjmp']

const problems: Record<string, string> = {}
for (const each of runnable(true)) {
  if (ownLegacy.includes(each.name) || dear.includes(each.name)) continue
  try {
    const stride = strideOf(each.name, each.name.endsWith('-exnref') ? 'in fresh instances' : 'in place')
    const run = runInstrumented(each, { every: stride, exceptions: 'exnref' })
    const [actual, expected] = [comparable(each, outcomeOf(run)), comparable(each, expectedOutcome(each))]
    const same = isDeepStrictEqual(actual, expected)
    problems[each.name] = same && run.restores > 0 ? '' : JSON.stringify({ restores: run.restores, actual })
  } catch (error) {
    problems[each.name] = String((error as Error).stack)
  }
}
process.stdout.write(JSON.stringify(problems))
