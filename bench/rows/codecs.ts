import { type PageCodec, pageCodecs } from '../../runtime/codec/compression.ts'
import type { Bench } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { ratios } from '../statistics.ts'

/** What `stasis run` uses. */
const standard: PageCodec = 'stored'

/** A session by each codec, written by the newest Node, and restored by each. */
export async function codecs(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  const directory = bench.scratch()
  const writer = nodes.at(-1)!
  const hasZstd = writer.isNewest
  const names = pageCodecs.filter((codec) => codec !== 'zstd' || hasZstd)
  const written = await bench.run('writeCodecs', { directory, codecs: names }, writer)
  for (const node of nodes) {
    const readable = names.filter((codec) => codec !== 'zstd' || node.isNewest)
    const input = { directory, codecs: readable, repeats: isQuick ? 5 : 11 }
    const { image, codecs: times } = await bench.run('restoreCodecs', input, node)
    const stored = times[readable.indexOf('stored')]!
    lines.push([node.name, 'image', '', '', shown(image, ' ms'), ''])
    for (const [i, codec] of readable.entries()) {
      const { save, bytes } = written[i]!
      const factor = ratios(times[i]!, stored)
      lines.push([
        node.name,
        codec,
        node === writer ? `${save.toFixed(0)} ms` : '',
        `${(bytes / 2 ** 20).toFixed(1)} MiB`,
        shown(times[i]!, ' ms'),
        shown(factor),
      ])
      const what = `restore of 64 MB from a store, ${codec} / uncompressed${codec === standard ? ' image' : ''}, ${node.name}`
      const of = codec === standard ? ratios(times[i]!, image) : factor
      // The target is the default's; the others say what they cost.
      if (codec === standard) verdicts.push(atMost(`${what} (the default)`, of, 2, ''))
    }
  }
  return {
    row: 'codecs',
    title: 'Codecs of a store',
    method:
      `64 MB as a program’s memory is (text, small numbers, pointers, noise), saved by ${writer.name} and restored by each Node: ` +
      'from a directory store to a decoded memory, processor time of all threads, in turns. The save is that of the thread beside the guest. The ratio is to ' +
      'the session whose pages are stored as they are. Node 20 has no zstd.',
    head: ['Node', 'codec', 'save', 'size', 'restore', 'ratio'],
    lines,
    verdicts,
    remarks: hasZstd ? [] : ['zstd is left out: no Node here writes it'],
  }
}
