import { join } from 'node:path'
import { program } from '../../test/programs/programs.ts'
import type { Bench } from '../bench.ts'
import { atLeast, atMost, type Section, shown, type Verdict } from '../report.ts'

export async function prelinkTime(bench: Bench): Promise<Section> {
  const { nodes, rounds } = bench.settings
  const { path: module } = program('cpython')
  const cache = join(bench.temporary, 'prelink-cache')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    const cold: number[] = []
    const speed: number[] = []
    const cached: number[] = []
    await bench.run('prelink', { module, polls: 'default', cache }, node)
    for (let round = 0; round < rounds; round++) {
      const { milliseconds, code } = await bench.run('prelink', { module, polls: 'default' }, node)
      cold.push(milliseconds / 1000)
      speed.push(code / 1000 / milliseconds)
      cached.push((await bench.run('prelink', { module, polls: 'default', cache }, node)).milliseconds / 1000)
    }
    lines.push([node.name, shown(cold, ' s'), shown(speed, ' MB/s'), shown(cached, ' s')])
    verdicts.push(
      atMost(`pre-link CPython, cold, ${node.name}`, cold, 1, ' s'),
      atLeast(`pre-link CPython, code per second, ${node.name}`, speed, 10, ' MB'),
      atMost(`pre-link CPython, from the cache, ${node.name}`, cached, 0.1, ' s'),
    )
  }
  return {
    row: 'prelink',
    title: "Pre-linking CPython's 26 MB",
    method:
      "The first call in a fresh process, from bytes to bytes. From the cache: the module's SHA-256, the entry read and its checksum compared.",
    head: ['Node', 'cold', 'code per second', 'from the cache'],
    lines,
    verdicts,
    remarks: [],
  }
}
