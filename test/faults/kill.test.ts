// The short form of `npm run test:faults`, with the same seeds every time.
import { describe, expect, test } from 'vitest'
import { program } from '../programs/programs.ts'
import { outputProblem } from './output.ts'
import { runPlain } from './plain.ts'
import { faultPrograms } from './programs.ts'
import { trial } from './trial.ts'

/** At least so many kills a program, which takes about as many seconds. */
const instants = 5

describe.each(faultPrograms.filter((each) => !each.isSlow))('$name', (each) => {
  const { available, reason } = program(each.program)
  test.skipIf(!available)(
    `killed at random instants and restored, it ends as if it had not been${available ? '' : `: ${reason}`}`,
    { timeout: 180_000 },
    async () => {
      const plain = await runPlain(each)
      let kills = 0
      for (let seed = 1; kills < instants; seed++) {
        const made = await trial(each, plain, seed)
        expect(made.problem, `seed ${seed}: ${made.story}`).toBeUndefined()
        kills += made.kills
      }
    },
  )
})

describe('outputs of processes that were killed', () => {
  const expected = Buffer.from('one\ntwo\nthree\n')
  const calls = [4, 4, 6]
  const check = (...texts: readonly string[]) =>
    outputProblem(
      texts.map((text) => ({ out: Buffer.from(text), mayRepeat: true })),
      expected,
      calls,
    )

  test('may repeat one call where they join', () => {
    expect(check('one\n', 'two\nthree\n')).toBeUndefined()
    expect(check('one\ntwo\n', 'two\nthree\n')).toBeUndefined()
    expect(check('one\ntw', 'two\n', 'three\n')).toBeUndefined()
    expect(check('', 'one\n', '', 'two\nth', 'three\n')).toBeUndefined()
  })

  test('may not lack anything, repeat more, or go on in the middle of a call', () => {
    expect(check('one\n', 'three\n')).toBeDefined()
    expect(check('one\ntwo\nthree\n', 'one\ntwo\nthree\n')).toBeDefined()
    expect(check('one\ntwo\n', 'one\ntwo\nthree\n')).toBeDefined()
    expect(check('one\ntwo\n', 'thr')).toBeDefined()
    expect(check('one\ntw', 'o\nthree\n')).toBeDefined()
    const quiet = [
      { out: Buffer.from('one\n'), mayRepeat: false },
      { out: expected, mayRepeat: false },
    ]
    expect(outputProblem(quiet, expected, calls)).toBeDefined()
  })
})
