import { beforeAll, expect, test } from 'vitest'
import { throws } from './dice.ts'
import { DiceStore, killedDice, type Remains } from './dice-world.ts'

let remains: Remains
beforeAll(async () => {
  remains = await killedDice([42, 84])
})

/** Lets the program come to its end, and the process die before the given change of the store that follows. */
async function endedAndDied(before: number, keep: boolean) {
  const ended = new DiceStore(remains.files)
  const { store } = ended
  let changes = 0
  const guarded = <Args extends readonly unknown[], T>(change: (...args: Args) => Promise<T>) => {
    return (...args: Args): Promise<T> => {
      if (changes++ >= before) return Promise.reject(new Error('dead'))
      return change(...args)
    }
  }
  store.delete = guarded(store.delete.bind(store))
  store.put = guarded(store.put.bind(store))
  store.rename = guarded(store.rename.bind(store))
  const { outcome, files } = await ended.restore({ keepLog: false, keep })
  ended.remove()
  expect(outcome).toEqual({ kind: 'exited', code: 9 })
  return { isWhole: changes <= before, files: new Map([...files].filter(([name]) => !name.includes('.lock'))) }
}

test.each([[false], [true]])(
  'a program that has ended is not run again, wherever the removal of its files stopped (kept: %s)',
  {
    timeout: 120_000,
  },
  async (keep) => {
    for (let before = 0; ; before++) {
      const { isWhole, files } = await endedAndDied(before, keep)
      if (isWhole) {
        expect(before).toBeGreaterThan(5)
        return
      }
      const store = new DiceStore(files)
      const where = `died before change ${before}`
      const { outcome, error, shown, events } = await store.restore({ keepLog: false })
      store.remove()
      if (error !== undefined) {
        expect(error.code, where).toMatch(/^STASIS_(SESSION_OVER|VERSION_UNKNOWN)$/)
        continue
      }
      expect(outcome, where).toEqual({ kind: 'exited', code: 9 })
      // The newest checkpoint of a kept session stands before letter 41, and is what the user wanted.
      const isFork = keep && shown.length === throws - 41 + 8
      if (!isFork) expect(shown, where).toBe('')
      expect(
        events.filter((event) => event.kind === 'recovered' && event.loss !== undefined),
        where,
      ).toEqual([])
    }
  },
)
