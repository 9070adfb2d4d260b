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
      const kept: number[] = []
      const restore: number[] = []
      const again: number[] = []
      const floor: number[] = []
      for (let round = 0; round < (isQuick ? 3 : 7); round++) {
        const taken = await bench.run('pause', { module, prelinked, megabytes, repeats: 5, image }, node)
        first.push(taken.pause[0]!)
        later.push(...taken.pause.slice(1))
        back.push(...taken.back.slice(1))
        kept.push(...taken.kept)
        const restored = await bench.run('restore', { module, prelinked, image, times: 4 }, node)
        restore.push(restored.restore[0]!)
        again.push(...restored.restore.slice(1))
        floor.push(restored.floor)
      }
      const name = `${megabytes} MB`
      lines.push([
        name,
        node.name.slice(5),
        ...[first, later, kept, back, restore, again, floor].map((times) => shown(times, ' ms')),
      ])
      verdicts.push(
        {
          ...atMost(`checkpoint pause, ${name}, ${node.name}`, first, limits.pause, ' ms'),
          note: `later ${shown(later, ' ms')}`,
        },
        {
          ...atMost(`restore, ${name}, ${node.name}`, restore, limits.restore, ' ms'),
          note: `later ${shown(again, ' ms')}; filling new memory alone ${shown(floor, ' ms')}`,
        },
      )
    }
  }
  return {
    row: 'checkpoint',
    title: 'Checkpoint pause and restore',
    method:
      'A memory full of random bytes. Pause: from the decision to capture until the state is copied. Restore: in a fresh process, from the ' +
      "image's bytes to the pending call, the main module compiled before. The targets are held against the first of each in a process, when " +
      'V8 runs our code for the first time. "Kept buffer" is the copy into memory that was used before; "floor" is filling a fresh ' +
      'WebAssembly memory of that size and nothing else: what the operating system takes for new pages.',
    head: [
      'memory',
      'Node',
      'pause',
      'pause, later',
      'kept buffer',
      'later, until the guest goes on',
      'restore',
      'restore, later',
      'floor',
    ],
    lines,
    verdicts,
    remarks: [],
  }
}
