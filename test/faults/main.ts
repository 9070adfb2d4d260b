/** `npm run test:faults`; see scripts/faults.mjs. */
import { parseArgs } from 'node:util'
import { program } from '../programs/programs.ts'
import { runPlain } from './plain.ts'
import { type FaultProgram, faultProgram, faultPrograms } from './programs.ts'
import { type Trial, trial } from './trial.ts'
import { canRunTable, killVersions, plainTable, tableProgram } from './version-kills.ts'

export interface Count {
  readonly passed: number
  readonly failed: number
}

const say = (line: string) => process.stdout.write(`${line}\n`)

/** Kills programs at random instants; `argv` as after `npm run test:faults --`. */
export async function killPrograms(argv: readonly string[]): Promise<Count> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      program: { type: 'string', multiple: true },
      seed: { type: 'string' },
      from: { type: 'string' },
      instants: { type: 'string', default: '200' },
    },
  })
  const isWanted = (name: string) => values.program === undefined || values.program.includes(name)
  const chosen = values.program?.filter((name) => name !== tableProgram.name).map(faultProgram) ?? faultPrograms
  const one = values.seed === undefined ? undefined : Number(values.seed)
  const from = Number(values.from ?? Math.floor(Math.random() * 1e6))
  let [passed, failed] = [0, 0]
  for (const each of chosen) {
    const { available, reason } = program(each.program)
    if (!available) {
      say(`${each.name} is skipped: ${reason}`)
      continue
    }
    const instants = one === undefined ? Number(values.instants) / (each.isSlow ? 10 : 1) : 0
    const counted = await killOne(each, one ?? from, instants)
    passed += counted.passed
    failed += counted.failed
  }
  if (isWanted(tableProgram.name) && canRunTable().available) {
    const plain = await plainTable()
    say(`${tableProgram.name}: ${Math.round(plain.milliseconds)} ms; seeds from ${one ?? from} on`)
    const make = (seed: number) => killVersions(plain, seed, { restores: Number.POSITIVE_INFINITY })
    const instants = one === undefined ? Number(values.instants) : 0
    const counted = await killOften(tableProgram.name, one ?? from, instants, make)
    passed += counted.passed
    failed += counted.failed
  }
  return { passed, failed }
}

async function killOne(each: FaultProgram, from: number, instants: number): Promise<Count> {
  const plain = await runPlain(each)
  say(`${each.name}: ${Math.round(plain.milliseconds)} ms, ${plain.calls.length} calls write; seeds from ${from} on`)
  return killOften(each.name, from, instants, (seed) => trial(each, plain, seed))
}

/** At least one trial, and until so many processes were killed. */
async function killOften(
  name: string,
  from: number,
  instants: number,
  make: (seed: number) => Promise<Trial>,
): Promise<Count> {
  let [passed, failed, kills] = [0, 0, 0]
  for (let seed = from; seed === from || kills < instants; seed++) {
    const made = await make(seed)
    kills += made.kills
    if (made.problem === undefined) passed++
    else {
      failed++
      say(`FAILED ${name}, seed ${seed} (${made.story}): ${made.problem}`)
      say(`  again: npm run test:faults -- --program ${name} --seed ${seed}`)
    }
    if ((seed - from) % 20 === 19 || instants === 0) say(`  ${name}: seed ${seed}, ${kills} kills (${made.story})`)
  }
  say(`${name}: ${kills} kills in ${passed + failed} trials, ${failed} failed`)
  return { passed, failed }
}
