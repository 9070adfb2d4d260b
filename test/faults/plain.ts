import { stasis } from './command.ts'
import { makePlace } from './places.ts'
import { type FaultProgram, operandsOf } from './programs.ts'

/** What a program does when nothing happens to it. */
export interface Plain {
  readonly code: number
  readonly out: Buffer
  /** Bytes that each of its calls wrote to stdout. */
  readonly calls: readonly number[]
  readonly files: Readonly<Record<string, string>>
  /** Milliseconds of a run with default options, the start of its process included. */
  readonly milliseconds: number
}

/** `run` and `restore` with these. */
export const placeOptions = ['--store', 'file:.stasis', '--dir', 'data::/data']

export const runOptions = (each: FaultProgram): readonly string[] => each.env.flatMap((pair) => ['--env', pair])

export async function runPlain(each: FaultProgram): Promise<Plain> {
  const observed = await runOnce(each, ['--no-log', '--strace'])
  // The first run may have had to prepare the module.
  const timed = await runOnce(each, [])
  const calls = [...observed.err.matchAll(/^fd_write\(1, .* = nwritten (\d+)/gm)].map((match) => Number(match[1]))
  const sum = calls.reduce((total, length) => total + length, 0)
  if (sum !== observed.out.length) throw new Error(`${each.name}: ${sum} bytes by strace, ${observed.out.length} shown`)
  if (!timed.out.equals(observed.out)) throw new Error(`${each.name} does not always do the same`)
  const { code, out, files } = observed
  if (code === null) throw new Error(`${each.name} was ended by a signal: ${observed.err}`)
  return { code, out, calls, files, milliseconds: timed.milliseconds }
}

async function runOnce(each: FaultProgram, options: readonly string[]) {
  const place = makePlace(each)
  try {
    const { stdin } = each
    const argv = ['run', '--name', 's', ...options, ...placeOptions, ...runOptions(each), ...operandsOf(each)]
    const given = stdin === undefined ? {} : { stdin: { text: stdin, offset: () => 0 } }
    const ended = await stasis(argv, { cwd: place.directory, ...given })
    return { ...ended, files: place.files() }
  } finally {
    place.remove()
  }
}
