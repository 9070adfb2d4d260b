import { cases, type Outcome, type ProgramCase } from '../programs/cases.ts'
import { program } from '../programs/programs.ts'
import type { CaseOptions, CaseRun } from '../support/run-case.ts'

/** How each program is frozen, beside at every k-th call in fresh instances. */
export const ways = {
  'in fresh instances': {},
  'in place': { fresh: false },
  'in fresh instances, twice at each place': { twice: true },
  'in fresh instances, without polls': { polls: 'none' },
  'in fresh instances, with polls in all loops': { polls: 'all' },
  'in fresh instances, above directories that stay as they are': { mounts: 'overlay' },
  'in fresh instances, each in directories of its own': { mounts: 'carried' },
} as const satisfies Readonly<Record<string, CaseOptions>>
export type Way = keyof typeof ways

/** Every how many calls: the first for a full run, the second for the other ways; where a restore is dear, larger ones. */
const strides: Readonly<Record<string, readonly [number, number]>> = {
  'cpython-session': [997, 1999],
  'cpython-ask': [97, 331],
  'ruby-blocks': [211, 307],
  speedtest1: [251, 997],
  'sqlite-shop': [7, 101],
  'runno-sqlite-memory': [3, 11],
  go: [37, 53],
  'as-life': [7, 67],
  'as-life-minimal': [7, 71],
  'lua-mandelbrot': [5, 41],
  'lua-strings': [3, 23],
  sieve: [5, 41],
  hash: [3, 23],
  nbody: [3, 37],
  files: [2, 23],
  rust: [1, 13],
  'cpp-eh': [1, 2],
  'cpp-eh-exnref': [1, 2],
  longjmp: [1, 2],
  'longjmp-exnref': [1, 2],
  'echo-lines': [1, 3],
}

/** Ways that are about files: only programs that have some, the dear ones too. */
export const withFiles: readonly Way[] = [
  'in fresh instances, above directories that stay as they are',
  'in fresh instances, each in directories of its own',
]

/** Half a minute each: frozen in one way only. */
export const dear: readonly string[] = ['cpython-session', 'ruby-blocks']

/** Without polls there are only the calls that the program makes, which for these are few. */
const withoutPolls: Readonly<Record<string, number>> = {
  'lua-mandelbrot': 7,
  speedtest1: 31,
  'as-life': 2,
  'as-life-minimal': 2,
  matrix: 1,
  sieve: 1,
  hash: 1,
  nbody: 1,
}

export function strideOf(name: string, way: Way): number {
  const [full, other] = strides[name] ?? [1, 7]
  if (way === 'in fresh instances') return full
  return (way === 'in fresh instances, without polls' ? withoutPolls[name] : undefined) ?? other
}

/** What can run: programs that are there, on a Node that knows their exceptions. */
export const runnable = (withExnref: boolean): readonly ProgramCase[] =>
  cases.filter((each) => {
    const { available, needsExnref } = program(each.program)
    return available && (withExnref || !needsExnref)
  })

/** The part of a run that must be as in any other. */
export const outcomeOf = ({ exitCode, stdout, stderr, files }: CaseRun): Outcome => ({
  exitCode,
  stdout,
  stderr,
  files,
})
