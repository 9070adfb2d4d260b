import type { Bench } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { ratios } from '../statistics.ts'

export async function versions(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    const input = { directory: bench.scratch(), repeats: isQuick ? 5 : 11, versions: 100 }
    const { few, all, incremental, full, image } = await bench.run('versions', input, node)
    lines.push([
      node.name,
      ...[few.pause, all.pause, few.save, all.save].map((times) => shown(times, ' ms')),
      shown(few.growth),
      ...[incremental, full, image].map((times) => shown(times, ' ms')),
    ])
    verdicts.push(
      atMost(`pause for a version of 64 MB, 1 % of the pages changed, ${node.name}`, few.pause, 12, ' ms'),
      atMost(`pause for a version of 64 MB, all pages changed, ${node.name}`, all.pause, 15, ' ms'),
      atMost(`bytes added to the store for each changed, 1 % of 64 MB, ${node.name}`, few.growth, 1.15, ''),
      atMost(`restore of version 100 of 100 / of a full one, ${node.name}`, ratios(incremental, full), 1.3, ''),
      atMost(`restore of 64 MB from the store / from an image, ${node.name}`, ratios(full, image), 2, ''),
    )
  }
  return {
    row: 'versions',
    title: 'Versions of a session',
    method:
      'A memory of 64 MB of random bytes in a directory store. The pause is the copy, into memory of an earlier version; the save ' +
      'that follows beside the guest is on the clock, the disk included. Bytes added: data and index, uncompressed, for each byte of a changed ' +
      'page, with pages changed at random. A restore is from the store to a decoded memory.',
    head: ['Node', 'pause 1 %', 'pause all', 'save 1 %', 'save all', 'bytes added', 'version 100', 'full', 'image'],
    lines,
    verdicts,
    remarks: [],
  }
}
