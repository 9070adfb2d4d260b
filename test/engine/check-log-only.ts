import { prepareLogOnly } from '../../runtime/engine/log-only.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { assemble } from './assemble.ts'
import { entries, hash, runPlain, World } from './drive.ts'
import type { Fixture } from './fixture.ts'

/** What a fixture does under the log-only engine and not alone: nothing, if all is well. */
export function checkLogOnly(fixture: Fixture): string[] {
  const bytes = assemble(fixture)
  const world = new World(fixture)
  const extern = world.externs()
  let engine: ReturnType<ReturnType<typeof prepareLogOnly>>
  try {
    engine = prepareLogOnly(bytes)({
      link: ({ module, name, results }) => world.func(module, name, results),
      extern,
      shouldCapture: () => false,
    })
  } catch (error) {
    // JavaScript cannot provide it, as the plain run shows by calling one function for both.
    if (isStasisError(error) && error.code === 'STASIS_IMPORT_TWICE') return []
    throw error
  }
  if (engine.hasStart) world.ended('start', engine.run({ kind: 'start' }))
  for (const [name, ...args] of entries(fixture)) {
    world.ended(name, engine.run({ kind: 'export', name }, args))
  }
  const plain = runPlain(fixture, bytes)
  const problems: string[] = []
  const compare = (what: string, actual: unknown, expected: unknown) => {
    if (JSON.stringify(actual) !== JSON.stringify(expected))
      problems.push(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  }
  compare('trace', world.trace, plain.trace)
  const memories = engine.observe().memories.map(hash)
  for (const [index, expected] of Object.entries(plain.memories)) compare('memory', memories[Number(index)], expected)
  return problems
}
