// Real programs under WASI: as under node:wasi, and again from the log alone.
import { rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { caseNamed, comparable, expectedOutcome, type Outcome, type ProgramCase } from '../programs/cases.ts'
import { type Prepared, prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { nodes, type RunResult, runProgram } from './child.ts'

const names = [
  'lua-closures',
  'lua-eh-stdin',
  'sqlite-shop',
  'sqlite-memory',
  'cpython-session',
  'cpython-ask',
  'runno-sqlite-memory',
  'files',
  'rust',
  'go',
  'as-life',
] as const

const log = join(tmpdir(), `stasis-programs-${process.pid}.log`)
const removeLog = () => {
  rmSync(log, { force: true })
  rmSync(`${log}.chunks`, { recursive: true, force: true })
}
afterAll(removeLog)

function options(each: ProgramCase, { mounts }: Prepared) {
  const preopens = Object.fromEntries(mounts.map(({ guest, host }) => [guest, host]))
  return { args: [program(each.program).argv0, ...each.args], env: each.env, preopens }
}

const outcomeOf = (each: ProgramCase, run: RunResult, prepared: Prepared): Outcome =>
  comparable(each, {
    exitCode: Number(run.outcome?.returned),
    stdout: run.stdout,
    stderr: run.stderr,
    files: prepared.files(),
  })

describe.each(nodes)('under WASI on Node $major', ({ path: node }) => {
  describe.each(names)('%s', (name) => {
    const each = caseNamed(name)
    const { available, reason, path } = program(each.program)

    test.skipIf(!available)(`runs as under node:wasi${available ? '' : `: ${reason}`}`, () => {
      const prepared = prepare(each)
      try {
        const run = runProgram(node, 'stasis', { path, options: options(each, prepared), stdin: each.stdin })
        expect(outcomeOf(each, run, prepared)).toEqual(expectedOutcome(each))
      } finally {
        prepared.dispose()
      }
    })

    test.skipIf(!available)(
      `makes the same calls from the log, without a host${available ? '' : `: ${reason}`}`,
      () => {
        removeLog()
        const prepared = prepare(each)
        const given = options(each, prepared)
        try {
          const { outcome, stderr } = runProgram(node, 'stasis', { path, options: given, stdin: each.stdin, log })
          const { calls } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as { calls: number }
          expect(outcome?.returned).toBe(expectedOutcome(each).exitCode)
          expect(statSync(log).size).toBeGreaterThan(calls)
          // Directories that do not exist any more, no input, and nothing may come out.
          prepared.dispose()
          const again = runProgram(node, 'stasis', { path, options: given, replay: log })
          expect(again).toMatchObject({ status: 0, stdout: '', stderr: '' })
          expect(again.outcome).toEqual({ returned: outcome?.returned, kind: 'replayed', calls, complete: true })
        } finally {
          prepared.dispose()
        }
      },
    )
  })
})
