import { join } from 'node:path'
import { program } from '../../test/programs/programs.ts'
import type { Bench } from '../bench.ts'
import { atLeast, type Section, shown, type Verdict } from '../report.ts'
import { ratios } from '../statistics.ts'

const booted = [
  { program: 'cpython', title: 'CPython', script: '/bench/prompt.py', limit: 4 },
  { program: 'ruby', title: 'Ruby', script: '/bench/prompt.rb', limit: 8 },
] as const

const withoutCompile = 20

export async function boot(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    for (const each of booted) {
      const { path: module, argv0 } = program(each.program)
      const guest = bench.guest(argv0, [each.script])
      const prelinked = await bench.prelinked(module, 'default')
      const image = join(bench.temporary, `${each.program}.image`)
      const { size } = await bench.run('saveBoot', { guest, module, prelinked, image }, node)
      const cold: number[][] = [[], []]
      const warm: number[][] = [[], []]
      const again: number[][] = [[], []]
      const restore = { guest, module, prelinked, image }
      const cache = bench.scratch()
      await bench.run('restore', { ...restore, cache }, node)
      for (let round = 0; round < (isQuick ? 2 : 5); round++) {
        const started = await bench.run('boot', { guest, module }, node)
        const restored = await bench.run('restore', restore, node)
        const second = await bench.run('restore', { ...restore, cache }, node)
        cold[0]!.push(started.compile + started.start)
        cold[1]!.push(started.start)
        warm[0]!.push(restored.compile + restored.restore[0]!)
        warm[1]!.push(restored.restore[0]!)
        again[0]!.push(second.compile + second.restore[0]!)
        again[1]!.push(second.restore[0]!)
      }
      const [all, beyond] = [ratios(cold[0]!, warm[0]!), ratios(cold[1]!, warm[1]!)]
      const noteOf = (i: 0 | 1) => ({ note: `restored before: ${shown(ratios(cold[i]!, again[i]!), '×')}` })
      lines.push([
        each.title,
        node.name.slice(5),
        ...[cold[0]!, warm[0]!, cold[1]!, warm[1]!, again[1]!].map((times) => shown(times, ' ms')),
        shown(all),
        shown(beyond),
        (size / 2 ** 20).toFixed(1),
      ])
      verdicts.push(
        {
          ...atLeast(`booted ${each.title} against cold start, compile included, ${node.name}`, all, each.limit, '×'),
          ...noteOf(0),
        },
        {
          ...atLeast(
            `booted ${each.title} against cold start, without compile, ${node.name}`,
            beyond,
            withoutCompile,
            '×',
          ),
          ...noteOf(1),
        },
      )
    }
  }
  return {
    row: 'boot',
    title: 'A booted interpreter: restore against cold start',
    method:
      'Fresh processes, from bytes in memory. Cold: the plain module compiled and run until it reads its standard input. Restore: the pre-linked ' +
      'module compiled, the image decoded and verified, the stack rebuilt, until the same read. ' +
      '"Again": on a machine where the image was restored before, so that the continuations are in the cache.',
    head: [
      'program',
      'Node',
      'cold',
      'restore',
      'cold, beyond compiling',
      'restore, beyond compiling',
      'again, beyond compiling',
      'faster',
      'faster, beyond compiling',
      'image, MiB',
    ],
    lines,
    verdicts,
    remarks: [],
  }
}
