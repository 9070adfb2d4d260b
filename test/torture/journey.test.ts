// A program goes from process to process, each on another Node and with the other exception encoding.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { caseNamed, type Outcome } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { machineNode, majorOf, newestNode } from '../support/nodes.ts'
import { runUnmodified } from '../support/run-case.ts'
import type { LegRequest, LegResult } from './leg.ts'

const folder = mkdtempSync(join(tmpdir(), 'stasis-journey-'))
const script = join(folder, 'leg.mjs')

beforeAll(async () => {
  const source = `import { readFileSync } from 'node:fs'
    import { runLeg } from './test/torture/leg.ts'
    process.stdout.write(JSON.stringify(runLeg(JSON.parse(readFileSync(0, 'utf8')))))`
  await bundleProgram(source, script)
})
afterAll(() => rmSync(folder, { recursive: true }))

function leg(node: string, request: LegRequest): LegResult {
  const { status, stdout, stderr } = spawnSync(node, ['--no-warnings', script], {
    input: JSON.stringify(request),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status !== 0) throw new Error(`a leg ended with ${status}: ${stderr}`)
  return JSON.parse(stdout) as LegResult
}

/** Runs a case in as many processes as `stops` says and one more; legs take turns between the two ways. */
function journey(
  name: string,
  stops: readonly number[],
  ways: readonly { node: string; exceptions: 'legacy' | 'exnref' }[],
) {
  const each = caseNamed(name)
  const { path, argv0 } = program(each.program)
  const prepared = prepare(each)
  try {
    let outcome: Outcome = { exitCode: -1, stdout: '', stderr: '', files: {} }
    let stdin = Buffer.from(each.stdin).toString('base64')
    let image: string | undefined
    const nodes: string[] = []
    for (const [i, calls] of [...stops, undefined].entries()) {
      const way = ways[i % ways.length]!
      const result = leg(way.node, {
        path,
        args: [argv0, ...each.args],
        env: each.env,
        mounts: prepared.mounts,
        exceptions: way.exceptions,
        stdin,
        ...(image !== undefined && { image }),
        ...(calls !== undefined && { calls }),
      })
      nodes.push(result.node)
      expect(result.image === undefined).toBe(calls === undefined)
      stdin = result.stdin
      image = result.image
      outcome = {
        exitCode: result.exitCode ?? -1,
        stdout: outcome.stdout + result.stdout,
        stderr: outcome.stderr + result.stderr,
        files: {},
      }
    }
    return { outcome: { ...outcome, files: prepared.files() }, nodes }
  } finally {
    prepared.dispose()
  }
}

const older = { node: machineNode(), exceptions: 'legacy' } as const
const newer = { node: newestNode(), exceptions: majorOf(newestNode()) >= 24 ? 'exnref' : 'legacy' } as const

const journeys: readonly (readonly [string, readonly number[]])[] = [
  ['lua-closures', [17, 9, 20]],
  ['lua-mandelbrot', [40, 100]],
  ['sqlite-shop', [120, 60, 150]],
  ['sqlite-memory', [11, 9]],
]

describe.each(journeys)('%s', (name, stops) => {
  const { available, reason } = program(caseNamed(name).program)
  const title = 'goes back and forth between legacy and exnref, old and new Node'
  test.skipIf(!available)(`${title}${available ? '' : ` (${reason})`}`, { timeout: 120_000 }, () => {
    const plain = runUnmodified(caseNamed(name))
    for (const ways of [
      [older, newer],
      [newer, older],
    ]) {
      const { outcome, nodes } = journey(name, stops, ways)
      expect(outcome).toEqual(plain)
      expect(nodes.map((version) => version.split('.')[0])).toEqual(
        [...stops, 0].map((_, i) => `v${majorOf(ways[i % 2]!.node)}`),
      )
    }
  })
})
