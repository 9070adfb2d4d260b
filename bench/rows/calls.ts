import type { Bench } from '../bench.ts'
import { callNames } from '../jobs/calls.ts'
import { atLeast, type Section, shown, type Verdict } from '../report.ts'
import { median, ratios } from '../statistics.ts'

const titles: Readonly<Record<(typeof callNames)[number], string>> = {
  clock_time_get: 'clock_time_get',
  fd_write: 'fd_write 64 B, file',
  fd_write_stdout: 'fd_write 64 B, stdout on /dev/null',
  fd_read: 'fd_read 4 KiB',
  path_open: 'path_open + fd_close',
}

export async function calls(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const module = await bench.assembled('calls')
  const prelinked = await bench.prelinked(module, 'default')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    for (const call of callNames) {
      const input = { module, prelinked, call, rounds: isQuick ? 5 : 11, batch: isQuick ? 60 : 150 }
      const { nodeWasi, nodeWasiAgain, kernel, stasis } = await bench.run('calls', input, node)
      const against = (rates: readonly number[]) => ratios(rates, nodeWasi)
      lines.push([
        titles[call],
        node.name.slice(5),
        Math.round(median(nodeWasi) / 1000).toString(),
        Math.round(median(stasis) / 1000).toString(),
        shown(against(nodeWasiAgain)),
        shown(against(kernel)),
        shown(against(stasis)),
      ])
      verdicts.push(atLeast(`${titles[call]} against node:wasi, ${node.name}`, against(stasis), 1, '×'))
    }
  }
  return {
    row: 'calls',
    title: 'Calls per second, ratio to node:wasi',
    method:
      'One process; batches of calls from a loop in the guest, in turns. "Null" is a second node:wasi; "kernel" the plain ' +
      'module on our kernel; "Stasis" the pre-linked module under the engine, which is what the target is for.',
    head: ['call', 'Node', 'node:wasi, thousand/s', 'Stasis, thousand/s', 'null', 'kernel', 'Stasis'],
    lines,
    verdicts,
    remarks: [],
  }
}
