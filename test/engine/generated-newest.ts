// Makes the modules of the seeds it is asked for, freezes them in several ways, and prints as JSON what became of each.
// Run by generated.test.ts on the newest Node; by hand: echo '[1,2,3]' | node generated-newest.ts
import { readFileSync } from 'node:fs'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { type DriveOptions, type Report, runCaptured, runPlain } from './drive.ts'
import { generate } from './generate.ts'

export interface SeedResult {
  readonly kind: 'checked' | 'unsupported' | 'cannot start' | 'overflows'
  readonly problems: readonly string[]
  readonly captures: number
  readonly frames: number
  readonly refusals: readonly string[]
}

const ways: readonly DriveOptions[] = [
  {},
  { every: 1 },
  { every: 1, fresh: false, polls: 'all' },
  { every: 2, twice: true, polls: 'none' },
  { every: 3, encodings: ['exnref', 'legacy'] },
]

/** Captures in fresh instances a way of freezing takes at most, about. */
const most = 60

function plainly(kind: SeedResult['kind']): SeedResult {
  return { kind, problems: [], captures: 0, frames: 0, refusals: [] }
}

function examine(seed: number): SeedResult {
  const fixture = generate(seed)
  const bytes = fixture.bytes!
  let plain: Report
  try {
    plain = runPlain(fixture, bytes)
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) throw error
    return plainly('cannot start')
  }
  // How deep is too deep is not the module's to say.
  if (plain.trace.some((line) => line.includes('RangeError'))) return plainly('overflows')
  const result = { ...plainly('checked'), problems: [] as string[], refusals: [] as string[] }
  let quiet: Report | undefined
  for (const way of ways) {
    const thin = Math.max(1, Math.ceil(plain.trace.length / most))
    const options = way.every && way.fresh !== false ? { ...way, every: way.every * thin } : way
    try {
      const report = runCaptured(fixture, bytes, options)
      quiet ??= report
      const at = Math.max(
        report.trace.findIndex((line, i) => line !== plain.trace[i]),
        report.trace.length < plain.trace.length ? report.trace.length : -1,
      )
      const where = JSON.stringify(options)
      if (at >= 0) result.problems.push(`${where}: '${report.trace[at]}' at ${at} instead of '${plain.trace[at]}'`)
      if (JSON.stringify(report.memories) !== JSON.stringify(plain.memories)) result.problems.push(`${where}: memories`)
      if (report.state !== quiet.state) result.problems.push(`${where}: ${report.state} instead of ${quiet.state}`)
      Object.assign(result, {
        captures: result.captures + report.captures,
        frames: result.frames + report.frames,
        refusals: [...new Set([...result.refusals, ...report.refusals])],
      })
    } catch (error) {
      if (!isStasisError(error)) result.problems.push(String((error as Error).stack))
      else if (error.code === 'STASIS_PRELINK_ENCODING' && way.encodings) continue
      else if (error.code === 'STASIS_MODULE_UNSUPPORTED' && 'feature' in error.fields) return plainly('unsupported')
      else result.problems.push(String(error.stack))
    }
  }
  return result
}

const seeds = JSON.parse(readFileSync(0, 'utf8')) as number[]
process.stdout.write(JSON.stringify(seeds.map((seed) => [seed, examine(seed)])))
