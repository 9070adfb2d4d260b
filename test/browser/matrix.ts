// Programs that are frozen on one host and finished on another, and compared with their plain runs.
import { createHash } from 'node:crypto'
import { caseNamed, comparable, expectedOutcome, type Outcome, type ProgramCase } from '../programs/cases.ts'
import { shown } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { seeded } from '../support/seeded.ts'
import type { LegRequest, LegResult } from './leg.ts'
import type { LegHost } from './node-host.ts'

/** A program of each kind, and a number of calls that all its runs make. */
export const matrixPrograms: readonly (readonly [name: string, calls: number])[] = [
  ['lua-closures', 58],
  ['sqlite-shop', 440],
  ['cpython-ask', 330],
  ['ruby-blocks', 70],
  ['as-life', 33],
  ['lua-eh-errors', 42],
]

export function requestOf(each: ProgramCase): LegRequest {
  const { module, path, argv0 } = program(each.program)
  const mounts = each.mounts.map((guest) => {
    const files = Object.entries(each.files).filter(([path]) => path.startsWith(`${guest}/`))
    return [guest, Object.fromEntries(files.map(([path, text]) => [path.slice(guest.length + 1), text]))] as const
  })
  return {
    module: path,
    sha256: createHash('sha256').update(module).digest('hex'),
    args: [argv0, ...each.args],
    env: each.env,
    mounts: Object.fromEntries(mounts),
    stdin: each.stdin,
  }
}

export interface Journey {
  readonly legs: readonly LegResult[]
  readonly outcome: Outcome
}

/** Runs a case over the hosts in turn, frozen before the calls `stops`. */
export async function journey(
  each: ProgramCase,
  hosts: readonly LegHost[],
  stops: readonly number[],
): Promise<Journey> {
  const request = requestOf(each)
  const legs: LegResult[] = []
  for (const [index, stopAt] of [...stops, undefined].entries()) {
    const image = legs.at(-1)?.image
    const host = hosts[index % hosts.length]!
    legs.push(await host.run({ ...request, ...(image && { image }), ...(stopAt !== undefined && { stopAt }) }))
  }
  const last = legs.at(-1)!
  const files = Object.entries(last.files).map(([path, text]) => [path, shown(Buffer.from(text, 'base64'))])
  const outcome: Outcome = {
    exitCode: last.exitCode ?? -1,
    stdout: legs.map(({ stdout }) => stdout).join(''),
    stderr: legs.map(({ stderr }) => stderr).join(''),
    files: Object.fromEntries(files),
  }
  return { legs, outcome }
}

/** What a journey must come to. */
export function planned(name: string): { readonly each: ProgramCase; readonly expected: Outcome } {
  const each = caseNamed(name)
  return { each, expected: comparable(each, expectedOutcome(each)) }
}
