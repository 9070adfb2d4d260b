import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { program } from '../../test/programs/programs.ts'
import type { Bench, NodeBinary } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { ratios } from '../statistics.ts'

/** SQLite's own benchmark by the command line, with a checkpoint every second and without, in turns. */
export async function everySecond(bench: Bench): Promise<Section> {
  const { isQuick, nodes, root } = bench.settings
  const cli = join(root, 'dist/cli.js')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  const remarks: string[] = []
  const speedtest = program('speedtest1')
  if (!existsSync(cli)) remarks.push('dist/ is missing: run npm run build')
  else if (!speedtest.available) remarks.push('speedtest1 is left out: it is not built here')
  else {
    const args = [speedtest.path, '--size', isQuick ? '150' : '1200', '--memdb']
    for (const node of nodes) {
      const run = (...options: string[]) => {
        const store = bench.scratch()
        return time(node, [cli, 'run', '--store', store, '--name', 's', '--keep', ...options, ...args], store)
      }
      run()
      const times: { plain: number[]; frozen: number[]; versions: number[] } = { plain: [], frozen: [], versions: [] }
      for (let round = 0; round < 3; round++) {
        times.plain.push(run().milliseconds)
        const frozen = run('--snapshot-interval', '1s')
        times.frozen.push(frozen.milliseconds)
        times.versions.push(versionsIn(node, cli, frozen.store))
      }
      lines.push([
        node.name,
        shown(times.plain, ' ms'),
        shown(times.frozen, ' ms'),
        shown(times.versions),
        shown(ratios(times.frozen, times.plain)),
      ])
      verdicts.push(
        atMost(
          `a checkpoint every second, run time / without, ${node.name}`,
          ratios(times.frozen, times.plain),
          1.03,
          '',
        ),
      )
    }
  }
  return {
    row: 'every-second',
    title: 'A checkpoint every second',
    method:
      'SQLite’s speedtest1 in memory, by `stasis run`, with `--snapshot-interval 1s` and without, in turns, on the clock, the ' +
      'whole process from its start on: about a minute each, a few seconds with --quick. The versions are those in the store.',
    head: ['Node', 'without', 'with', 'checkpoints', 'ratio'],
    lines,
    verdicts,
    remarks,
  }
}

function time(node: NodeBinary, argv: readonly string[], store: string) {
  const began = performance.now()
  const { status, stderr } = spawnSync(node.path, argv, { encoding: 'utf8', maxBuffer: 1 << 26 })
  const milliseconds = performance.now() - began
  if (status !== 0) throw new Error(`stasis ${argv.slice(1).join(' ')} ended with ${status}: ${stderr}`)
  return { milliseconds, store }
}

function versionsIn(node: NodeBinary, cli: string, store: string): number {
  const { stdout } = spawnSync(node.path, [cli, 'ls', 's', '--json', '--store', store], { encoding: 'utf8' })
  const [session] = JSON.parse(stdout) as { versions: unknown[] }[]
  return session!.versions.length
}
