import { describe, expect, test } from 'vitest'
import { caseNamed } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { joins, type Kill, runProcess, Survivor } from './kill.ts'

/** Every how many calls; a program has a few hundred to a few thousand. */
const steps = { files: 1, effects: 1, 'sqlite-shop': 7, 'lua-closures': 5, rust: 3, 'cpython-session': 400 } as const

describe.each(Object.entries(steps))('%s', (name, step) => {
  const each = caseNamed(name)
  const { available, reason } = program(each.program)

  const finish = (kills: readonly Kill[]) => {
    const prepared = prepare(each)
    try {
      const survivor = new Survivor()
      for (const kill of kills) runProcess(each, prepared, survivor, kill)
      const { exitCode, calls } = runProcess(each, prepared, survivor)
      return { exitCode, calls, shown: survivor.shown, files: prepared.files(), log: survivor.log }
    } finally {
      prepared.dispose()
    }
  }

  test.skipIf(!available)(
    `killed before or after any call, it ends as if it had not been${available ? '' : `: ${reason}`}`,
    { timeout: 120_000 },
    () => {
      const plain = finish([])
      for (let call = 0; call < plain.calls; call += step) {
        for (const when of ['before', 'after'] as const) {
          const killed = finish([{ call, when }])
          const where = `killed ${when} call ${call} of ${plain.calls}`
          expect(killed.exitCode, where).toBe(plain.exitCode)
          expect(killed.files, where).toEqual(plain.files)
          expect(joins(killed.shown, plain.shown[0]!), `${where}: ${JSON.stringify(killed.shown)}`).toBe(true)
        }
      }
    },
  )

  test.skipIf(!available)(
    `killed again in the call that it is made to repeat, it ends the same${available ? '' : `: ${reason}`}`,
    { timeout: 120_000 },
    () => {
      const plain = finish([])
      for (let call = 1; call < plain.calls; call += step * 3) {
        for (const again of ['before', 'after'] as const) {
          const kills: Kill[] = [
            { call, when: 'after' },
            { call: 0, when: again },
            { call: 1, when: again },
          ]
          const killed = finish(kills)
          const where = `killed after call ${call} of ${plain.calls}, and twice again ${again} a call`
          expect(killed.exitCode, where).toBe(plain.exitCode)
          expect(killed.files, where).toEqual(plain.files)
        }
      }
    },
  )
})
