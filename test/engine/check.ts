import { isStasisError } from '../../wasm-shim/errors.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { assemble } from './assemble.ts'
import { type DriveOptions, type Report, runCaptured, runPlain } from './drive.ts'
import type { Fixture } from './fixture.ts'

/** Every way in which each fixture is frozen. */
export const modes: Readonly<Record<string, DriveOptions>> = {
  'without captures': {},
  'in fresh instances': { every: 1 },
  'in fresh instances, without polls': { every: 1, polls: 'none' },
  'in fresh instances, with polls in all loops': { every: 1, polls: 'all' },
  'in place': { every: 1, fresh: false },
  'in place, with polls in all loops, twice at every third call': { every: 3, fresh: false, polls: 'all', twice: true },
  'in fresh instances, twice at every call': { every: 1, twice: true },
}

/** Where exnref exists: handlers in the other encoding, and stacks handed from one to the other. */
export const encodingModes: Readonly<Record<string, DriveOptions>> = {
  'in the exnref encoding': { every: 1, encodings: ['exnref'] },
  'from legacy to exnref and back': { every: 1, encodings: ['legacy', 'exnref'] },
}

/** Does the module throw by itself, so that its encoding is not ours to choose? */
function hasOwnExceptions(bytes: Uint8Array): boolean {
  try {
    for (const exceptions of ['legacy', 'exnref'] as const) prelink(bytes, { exceptions })
    return false
  } catch (error) {
    if (isStasisError(error) && error.code === 'STASIS_PRELINK_ENCODING') return true
    throw error
  }
}

const prepared = new Map<string, { bytes: Uint8Array; plain: Report; quiet: Report; ownExceptions: boolean }>()

function prepare(fixture: Fixture) {
  let found = prepared.get(fixture.name)
  if (found === undefined) {
    const bytes = assemble(fixture)
    found = {
      bytes,
      plain: runPlain(fixture, bytes),
      quiet: runCaptured(fixture, bytes),
      ownExceptions: hasOwnExceptions(bytes),
    }
    prepared.set(fixture.name, found)
  }
  return found
}

/** What is wrong with the fixture under these options: nothing, if all is well. */
export function check(fixture: Fixture, options: DriveOptions): string[] {
  const { bytes, plain, quiet, ownExceptions } = prepare(fixture)
  if (options.encodings && ownExceptions) return []
  const problems: string[] = []
  const compare = (what: string, actual: unknown, expected: unknown) => {
    if (JSON.stringify(actual) !== JSON.stringify(expected))
      problems.push(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  }
  const report = runCaptured(fixture, bytes, options)
  compare('trace', report.trace, plain.trace)
  compare('memories', report.memories, plain.memories)
  compare('state', report.state, quiet.state)
  const silent = fixture.silent === 'always' || (fixture.silent !== undefined && options.polls === 'none')
  const expectsCaptures = !silent && options.every === 1
  if (expectsCaptures || silent) compare('captured', report.captures > 0, expectsCaptures)
  const refusals = [...new Set(report.refusals)]
  const expected = fixture.refused === undefined ? [] : [fixture.refused]
  if (options.every === 1 || refusals.length > 0) compare('refusals', refusals, expected)
  return problems
}
