// Every program moves from every host to every other one, frozen at a seeded call; the long form is `npm run test:matrix`.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { comparable } from '../programs/cases.ts'
import { program } from '../programs/programs.ts'
import { seeded } from '../support/seeded.ts'
import { titled } from '../support/titled.ts'
import { type Hosts, missingHosts, openHosts } from './hosts.ts'
import { journey, matrixPrograms, planned } from './matrix.ts'

const missing = missingHosts()
const long = process.env.MATRIX === 'full'
const seed = Number(process.env.MATRIX_SEED ?? 1)

describe.skipIf(missing.length > 0)(
  titled('between hosts', missing.length > 0 ? missing.join(', ') : undefined),
  () => {
    let hosts: Hosts
    beforeAll(async () => {
      hosts = await openHosts()
    })
    afterAll(() => hosts?.close())

    const places = [0, 1, 2, 3]
    const pairs = places.flatMap((from) => places.map((to) => [from, to] as const))

    describe.each(matrixPrograms)('%s', (name, calls) => {
      const { each, expected } = planned(name)
      const { available, reason } = program(each.program)
      const title = titled('goes from one to the other', available ? undefined : reason)
      // The short form takes four of the sixteen ways for each program, others for each; all programs together take all.
      const turn = matrixPrograms.findIndex(([one]) => one === name)
      const some = pairs.filter((_, index) => index % 4 === (turn + Math.floor(index / 4)) % 4)
      const chosen = long ? pairs : each.program === 'ruby' ? some.slice(1, 3) : some

      test.skipIf(!available).each(chosen)(`${title}: host %i to host %i`, { timeout: 120_000 }, async (from, to) => {
        const random = seeded(seed * 1000 + turn * 16 + from * 4 + to)
        for (let round = 0; round < (long ? 5 : 1); round++) {
          const stop = 1 + Math.floor(random() * calls)
          const way = [hosts.all[from % hosts.all.length]!, hosts.all[to % hosts.all.length]!]
          const { outcome, legs } = await journey(each, way, [stop])
          const told = { stop, hosts: way.map((host) => host.name), calls: legs[0]!.calls }
          expect({ ...told, outcome: comparable(each, outcome) }).toEqual({
            ...told,
            calls: stop - 1,
            outcome: expected,
          })
        }
      })
    })

    const hops = long ? 100 : 12
    test(`${hops} hops over all hosts add nothing to the image`, { timeout: 300_000 }, async () => {
      const { each, expected } = planned('sqlite-shop')
      const stops = Array.from({ length: hops }, (_, hop) => 20 + hop * 2)
      const { outcome, legs } = await journey(each, hosts.all, stops)
      expect(comparable(each, outcome)).toEqual(expected)
      const alone = await journey(each, hosts.all, stops.slice(-1))
      const [hopped, once] = [legs.at(-2)!.imageSize!, alone.legs[0]!.imageSize!]
      // The kernel's state has times in it, whose encoding may take some bytes more.
      expect(Math.abs(hopped - once)).toBeLessThan(128)
    })
  },
)
