import type { Bench } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { ratios } from '../statistics.ts'

export async function checkpointFile(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    const input = { directory: bench.scratch(), batches: isQuick ? 7 : 15 }
    const { saved, plain, unchanged, growth } = await bench.run('checkpointFile', input, node)
    const ratio = ratios(saved, plain)
    lines.push([
      node.name,
      ...[saved, plain, unchanged].map((times) => shown(times, ' ms')),
      shown(ratio),
      shown(growth),
    ])
    verdicts.push(
      atMost(`save and restore of a 1 MB region / writing and reading a file, ${node.name}`, ratio, 1.5, ''),
      {
        ...atMost(`bytes added for each changed, 1 % of 64 MB, ${node.name}`, growth, 1.15, ''),
        note: `mean of ${growth.length} versions ${(growth.reduce((sum, each) => sum + each, 0) / growth.length).toFixed(3)}`,
      },
    )
  }
  return {
    row: 'checkpoint-file',
    title: 'Checkpoint files',
    method:
      'One region of 1 MB of random bytes, all of them new for each save, in turns with writeFileSync to a new file and ' +
      'readFileSync. Bytes added: data file and index, uncompressed, for each byte of a changed page, with pages changed at random.',
    head: ['Node', 'save + restore', 'plain file', 'nothing changed', 'ratio', 'bytes added'],
    lines,
    verdicts,
    remarks: [],
  }
}
