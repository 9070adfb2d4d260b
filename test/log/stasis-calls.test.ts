// Programs that call functions of the module `stasis`, killed before and after each of their calls.
import { describe, expect, test } from 'vitest'
import type { CarriedRegion } from '../../wasm-shim/guest-abi/state.ts'
import type { ProgramCase } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { type ProgramName, program } from '../programs/programs.ts'
import { joins, type Kill, runProcess, Survivor } from './kill.ts'

const caseOf = (name: ProgramName): ProgramCase => ({
  name,
  program: name,
  args: [],
  env: {},
  stdin: '',
  mounts: ['/data'],
  files: {},
})

const five: CarriedRegion = { name: 'state', bytes: Uint8Array.of(5, 0, 0, 0) }
const programs: readonly [ProgramName, readonly CarriedRegion[], string][] = [
  ['stasis-self-stasis', [], 'failed'],
  ['upgrade-1-changed', [five], 'going on from 5\ncounted to 505\n'],
  ['upgrade-2', [five], 'counted to 5000000005, restored 1 times\n'],
]

describe.each(programs)('%s', (name, carried, output) => {
  const each = caseOf(name)
  const { available, reason } = program(name)

  const finish = (kills: readonly Kill[]) => {
    const prepared = prepare(each)
    try {
      const survivor = new Survivor()
      for (const kill of kills) runProcess(each, prepared, survivor, kill, carried)
      const { exitCode, calls, guest } = runProcess(each, prepared, survivor, undefined, carried)
      return { exitCode, calls, guest, shown: survivor.shown, files: prepared.files() }
    } finally {
      prepared.dispose()
    }
  }

  test.skipIf(!available)(`ends as if it had not been${available ? '' : `: ${reason}`}`, () => {
    const plain = finish([])
    expect(plain.shown.join('')).toContain(output)
    for (let call = 0; call < plain.calls; call++) {
      for (const when of ['before', 'after'] as const) {
        for (const kills of [
          [{ call, when }],
          [
            { call, when },
            { call: 0, when },
          ],
        ]) {
          const killed = finish(kills)
          const where = `killed ${when} call ${call} of ${plain.calls}`
          expect([killed.exitCode, killed.files, killed.guest], where).toEqual([
            plain.exitCode,
            plain.files,
            plain.guest,
          ])
          if (kills.length === 1) expect(joins(killed.shown, plain.shown[0]!), where).toBe(true)
        }
      }
    }
  })
})
