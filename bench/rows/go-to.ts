import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, NodeBinary } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'

const callsMade = 1_000_000
const near = 5
const far = callsMade - 1

interface Took {
  readonly clock: number
  readonly processor: number
}

/** Going back in a session of a million calls, by the command line that a user would type. */
export async function goTo(bench: Bench): Promise<Section> {
  const { isQuick, nodes, root } = bench.settings
  const cli = join(root, 'dist/cli.js')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  const remarks: string[] = []
  if (!existsSync(cli)) remarks.push('dist/ is missing: run npm run build')
  else {
    const module = await bench.assembled('clocks')
    for (const node of nodes) {
      const store = bench.scratch()
      stasis(node, cli, ['run', '--store', store, '--name', 'million', '--keep-log', module])
      const goto = (call: number) => stasis(node, cli, ['replay', 'million', '--store', store, '--goto', String(call)])
      const times: Record<'near' | 'far', Took[]> = { near: [], far: [] }
      goto(near)
      for (let round = 0; round < (isQuick ? 5 : 11); round++) {
        times.near.push(goto(near))
        times.far.push(goto(far))
      }
      const of = (which: 'near' | 'far', kind: keyof Took) => times[which].map((took) => took[kind])
      const beyond = (kind: keyof Took) => of('far', kind).map((value, round) => value - of('near', kind)[round]!)
      lines.push([
        node.name.slice(5),
        shown(of('near', 'clock'), ' ms'),
        shown(of('far', 'clock'), ' ms'),
        shown(beyond('clock'), ' ms'),
        shown(beyond('processor'), ' ms'),
      ])
      verdicts.push({
        ...atMost(
          `going back to the last of a million calls, beyond the fifth, ${node.name}`,
          beyond('processor'),
          250,
          ' ms',
        ),
        note: `by the clock ${shown(beyond('clock'), ' ms')}`,
      })
    }
  }
  return {
    row: 'goto',
    title: 'Going back to a call',
    method:
      '`stasis replay NAME --goto CALL` in a session that looked at the clock a million times and kept its log. That is done ' +
      'long before the first keyframe would be taken, so every call is reached from the beginning, and the last one is the ' +
      'farthest. In turns with `--goto 5`, which takes what the command itself does: Node’s start, compiling, inspecting. ' +
      'The target is held against processor time, that of all threads together.',
    head: ['Node', '--goto 5', '--goto 999999', 'beyond, by the clock', 'beyond, processor time'],
    lines,
    verdicts,
    remarks,
  }
}

const reportTime = `import { isMainThread } from 'node:worker_threads'
import { writeSync } from 'node:fs'
if (isMainThread) process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  writeSync(2, '\\nprocessor ' + (user + system) / 1000 + '\\n')
})`

/** Runs the command line and returns the milliseconds that it took. */
function stasis(node: NodeBinary, cli: string, args: readonly string[]): Took {
  const hook = `data:text/javascript,${encodeURIComponent(reportTime)}`
  const began = performance.now()
  const { status, stderr } = spawnSync(node.path, ['--import', hook, cli, ...args], { encoding: 'utf8' })
  const clock = performance.now() - began
  const processor = Number(/^processor (\S+)$/m.exec(stderr)?.[1] ?? Number.NaN)
  if (status !== 0) throw new Error(`stasis ${args.join(' ')} ended with ${status}: ${stderr}`)
  return { clock, processor }
}
