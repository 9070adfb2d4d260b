import type { Bench } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'

const megabytes = 64
const limit = megabytes + 60

export async function memory(bench: Bench): Promise<Section> {
  const { nodes, rounds } = bench.settings
  const module = await bench.assembled('memory')
  const prelinked = await bench.prelinked(module, 'default')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    const plain: number[] = []
    const running: number[] = []
    const peak: number[] = []
    for (let round = 0; round < rounds; round++) {
      plain.push((await bench.run('memory', { module, megabytes }, node)).running)
      const stasis = await bench.run('memory', { module, prelinked, megabytes }, node)
      running.push(stasis.running)
      peak.push(stasis.checkpoint)
    }
    lines.push([node.name, ...[plain, running, peak].map((each) => shown(each, ' MiB'))])
    verdicts.push(atMost(`memory of the host beyond a guest's ${megabytes} MiB, ${node.name}`, peak, limit, ' MiB'))
  }
  return {
    row: 'memory',
    title: "Memory of the host beyond the guest's",
    method:
      `Resident memory of the whole process, Node included, less the guest's ${megabytes} MiB of random bytes. The target is for the highest ` +
      'point, while a checkpoint is taken.',
    head: ['Node', 'plain module', 'under Stasis, running', 'under Stasis, with a checkpoint taken'],
    lines,
    verdicts,
    remarks: [],
  }
}
