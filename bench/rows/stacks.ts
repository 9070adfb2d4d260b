import { type ProgramName, program } from '../../test/programs/programs.ts'
import { type Bench, missing } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { median } from '../statistics.ts'

const stacksOf: readonly { program: ProgramName; title: string; args: readonly string[]; limit: number }[] = [
  { program: 'speedtest1', title: 'SQLite', args: ['--size', '1', '/tmp/bench.db'], limit: 5 },
  { program: 'cpython', title: 'CPython', args: ['/guest/session.py', '/tmp'], limit: 60 },
  { program: 'ruby', title: 'Ruby', args: ['/guest/blocks.rb', '/tmp'], limit: 120 },
]

/** Where in the program, by its calls. */
const places = [0.5, 0.7, 0.9]

export async function stacks(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    for (const each of stacksOf) {
      if (missing(each.program) !== undefined) continue
      const { path: module, argv0 } = program(each.program)
      const prelinked = await bench.prelinked(module, 'default')
      const base = bench.guest(argv0, each.args)
      const measured = []
      const wholes = []
      for (const at of isQuick ? places.slice(0, 2) : places) {
        const guest = () => ({ ...base, mounts: { ...base.mounts, '/tmp': bench.scratch() } })
        const input = { module, prelinked, at, repeats: 5 }
        measured.push(await bench.run('stacks', { ...input, guest: guest(), first: 'build' }, node))
        wholes.push(await bench.run('stacks', { ...input, guest: guest(), first: 'whole' }, node))
      }
      const first = measured.map(({ build }) => build[0]!)
      const later = measured.map(({ build }) => median(build.slice(1)))
      const whole = wholes.map(({ whole: times }) => times[0]!)
      lines.push([
        each.title,
        node.name.slice(5),
        measured.map(({ frames, sites }) => `${frames}/${sites}`).join(', '),
        measured.map(({ size }) => Math.round(size / 1024)).join(', '),
        shown(first, ' ms'),
        shown(later, ' ms'),
        shown(
          measured.map(({ compile }) => median(compile)),
          ' ms',
        ),
        shown(whole, ' ms'),
        shown(
          wholes.map(({ whole: times }) => median(times.slice(1))),
          ' ms',
        ),
      ])
      verdicts.push(atMost(`building continuations, ${each.title}, ${node.name}`, first, each.limit, ' ms'))
      if (each.program === 'cpython')
        verdicts.push(atMost(`checkpoint and continue, ${each.title}, ${node.name}`, whole, 100, ' ms'))
    }
  }
  return {
    row: 'stacks',
    title: 'Building continuations for a stack in mid-program',
    method:
      'Reading the original module and writing the continuations that the stack begins with (loops are added when they are reached); stopped ' +
      'at half, 0.7 and 0.9 of the calls. The first time in a process is the one the target is for, then later times. "In all", in another ' +
      'process, is capture, copy, build, compile, and on in the same instance.',
    head: [
      'program',
      'Node',
      'frames/sites',
      'KiB',
      'first',
      'later',
      'compile',
      'in all, first',
      'in all, same stack again',
    ],
    lines,
    verdicts,
    remarks: stacksOf.flatMap((each) => missing(each.program) ?? []),
  }
}
