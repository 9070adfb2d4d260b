import { program } from '../../test/programs/programs.ts'
import type { Bench } from '../bench.ts'
import { atLeast, type Section, shown, type Verdict } from '../report.ts'
import { median, ratios } from '../statistics.ts'

const span = 3000

export async function afterRestore(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const { path: module, argv0 } = program('cpython')
  const prelinked = await bench.prelinked(module, 'default')
  const guest = bench.guest(argv0, ['/bench/count.py', '60'])
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    const steady: number[] = []
    const first: number[] = []
    const later: number[] = []
    for (let round = 0; round < (isQuick ? 1 : 3); round++) {
      const never = await bench.run('afterRestore', { guest, module, prelinked, span }, node)
      const again = await bench.run('afterRestore', { guest, module, prelinked, span, captureAt: 1000 }, node)
      // Its own first second is when V8 optimises; after it, it is what a program that runs long has.
      steady.push(median(never.slots.slice(10)))
      first.push(mean(again.slots.slice(0, 10)))
      later.push(median(again.slots.slice(15)))
    }
    const [early, late] = [ratios(first, steady), ratios(later, steady)]
    lines.push([node.name, shown(steady), shown(first), shown(later), shown(early), shown(late)])
    verdicts.push(
      atLeast(`CPython's speed in the first second after a restore, ${node.name}`, early, 0.7, '×'),
      atLeast(`CPython's speed later, ${node.name}`, late, 1, '×'),
    )
  }
  return {
    row: 'after-restore',
    title: 'Speed after a restore',
    method:
      'Portions of work of a CPython loop per 100 ms. Never interrupted: the median after its first second. Restored into a fresh instance of a ' +
      'freshly compiled module: the mean of the first second, and the median after 1.5 s.',
    head: ['Node', 'never interrupted', 'first second', 'later', 'ratio, first second', 'ratio, later'],
    lines,
    verdicts,
    remarks: [],
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
