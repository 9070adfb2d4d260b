// Stands in for vitest in a page: collects the tests, which `runAll` runs one after the other, with vitest's own `expect`.
import { getState, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from '@vitest/expect'
import * as chai from 'chai'

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

export const expect = ((value: unknown, message?: string) => {
  const { assertionCalls } = getState(expect as never)
  setState({ assertionCalls: assertionCalls + 1 }, expect as never)
  return chai.expect(value, message)
}) as unknown as typeof import('vitest').expect
Object.assign(expect, chai.expect)
setState(
  {
    assertionCalls: 0,
    isExpectingAssertions: false,
    isExpectingAssertionsError: null,
    expectedAssertionsNumber: null,
    expectedAssertionsNumberErrorGen: null,
  },
  expect as never,
)

type Step = () => unknown

const tests: [string, Step][] = []
const before: Step[] = []
const after: Step[] = []

export const test = (name: string, run: Step): void => void tests.push([name, run])
export const beforeEach = (step: Step): void => void before.push(step)
export const afterEach = (step: Step): void => void after.push(step)

/** What went wrong with each test; empty where nothing did. */
export async function runAll(): Promise<Record<string, string>> {
  const results: Record<string, string> = {}
  for (const [name, run] of tests) {
    try {
      for (const step of before) await step()
      await run()
      results[name] = ''
    } catch (error) {
      results[name] = String((error as Error).stack ?? error)
    }
    for (const step of after) await step()
  }
  return results
}
