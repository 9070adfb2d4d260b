import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'

const sizes = [
  { megabytes: 1, pause: 2, restore: 2 },
  { megabytes: 16, pause: 15, restore: 10 },
  { megabytes: 64, pause: 40, restore: 30 },
] as const

export async function checkpoint(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const module = await bench.assembled('memory')
  const prelinked = await bench.prelinked(module, 'default')
  const image = join(bench.temporary, 'memory.image')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    for (const { megabytes, ...limits } of sizes) {
      const first: number[] = []
      const later: number[] = []
      const back: number[] = []
      const restore: number[] = []
      for (let round = 0; round < (isQuick ? 3 : 7); round++) {
        const taken = await bench.run('pause', { module, prelinked, megabytes, repeats: 5, image }, node)
        first.push(taken.pause[0]!)
        later.push(...taken.pause.slice(1))
        back.push(...taken.back.slice(1))
        restore.push((await bench.run('restore', { module, prelinked, image }, node)).restore)
      }
      const name = `${megabytes} MB`
      lines.push([name, node.name.slice(5), ...[first, later, back, restore].map((times) => shown(times, ' ms'))])
      verdicts.push(
        atMost(`checkpoint pause, ${name}, ${node.name}`, first, limits.pause, ' ms'),
        atMost(`restore, ${name}, ${node.name}`, restore, limits.restore, ' ms'),
      )
    }
  }
  return {
    row: 'checkpoint',
    title: 'Checkpoint pause and restore',
    method:
      'A memory full of random bytes. Pause: from the decision to capture until the state is copied; the target is held against the ' +
      "first checkpoint of a process. Restore: in a fresh process, from the image's bytes to the pending call, the main module compiled before.",
    head: ['memory', 'Node', 'first pause', 'later pauses', 'later, until the guest goes on', 'restore'],
    lines,
    verdicts,
    remarks: [],
  }
}
