// The short form of `npm run test:faults -- --program versions`, with the same seeds every time.
import { expect, test } from 'vitest'
import { canRunTable, killVersions, plainTable } from './version-kills.ts'

const { available, reason } = canRunTable()
/** At least so many kills. */
const instants = 10

test.skipIf(!available)(
  `killed while versions are saved, removed and compacted, a session has none that is wrong${available ? '' : `: ${reason}`}`,
  { timeout: 600_000 },
  async () => {
    const plain = await plainTable()
    let kills = 0
    for (let seed = 1; kills < instants; seed++) {
      const made = await killVersions(plain, seed, { restores: 1 })
      console.log(`seed ${seed}: ${made.story}`)
      expect(made.problem, `seed ${seed}: ${made.story}`).toBeUndefined()
      kills += made.kills
    }
  },
)
