import type { Bench } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'

export async function migrate(bench: Bench): Promise<Section> {
  const { isQuick, nodes, root } = bench.settings
  const module = await bench.assembled('ticker')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  const remarks: string[] = []
  for (const node of nodes) {
    const input = { root, module, directory: bench.scratch(), repeats: isQuick ? 3 : 7 }
    const { pause, rounds, pushed } = await bench.run('migrate', input, node)
    lines.push([node.name, shown(pause, ' ms'), shown(rounds.map(({ length }) => length)), shown(pushed)])
    verdicts.push(
      atMost(`pause of a running 64 MB session that moves, ${node.name}`, pause, 60, ' ms'),
      atMost(`bytes sent by a push for each changed, 1 % of 64 MB, ${node.name}`, pushed, 1.2, ''),
    )
    const last = rounds.map((sent) => `${Math.round((sent.at(-1) ?? 0) / 1000)} KB`).join(', ')
    remarks.push(`${node.name}: sent while the session stood still: ${last}.`)
  }
  return {
    row: 'migrate',
    title: 'Moving between machines',
    method:
      'A program with 64 MB of random bytes writes the time once a millisecond and changes a page. It runs in `stasis run`, ' +
      'and is sent by `stasis migrate` to a `stasis serve` on the same machine, where it goes on. The pause is between the ' +
      'last time written here and the first written there. The server has gone along with the session by its log when that is ' +
      'stopped, so that the pause is to hold the guest (1 ms), to take the lock (5), to bring the rest of the log (8), and ' +
      'four states of leases and two appends that are each on the disk before the next message (2 to 7 each, and the floor ' +
      'on a machine whose disk is busy); the guest itself goes on 2 ms after its lease. Pushes: bytes of frames, with 164 pages changed at random.',
    head: ['Node', 'pause', 'rounds', 'sent / changed'],
    lines,
    verdicts,
    remarks,
  }
}
