import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { program } from '../../test/programs/programs.ts'
import type { Bench, NodeBinary } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { ratios } from '../statistics.ts'

/** A minute, or with --quick a quarter of one: in a run of five seconds the first, full checkpoint and the end weigh most. */
const sizes = { minute: '1200', quick: '400' } as const

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
    const args = [speedtest.path, '--size', isQuick ? sizes.quick : sizes.minute, '--memdb']
    for (const node of nodes) {
      const run = (...options: string[]) => {
        const store = bench.scratch()
        return time(node, [cli, 'run', '--store', store, '--name', 's', '--keep', ...options, ...args], store)
      }
      // To prepare the module.
      spawnSync(node.path, [
        cli,
        'run',
        '--store',
        bench.scratch(),
        '--no-log',
        speedtest.path,
        '--size',
        '1',
        '--memdb',
      ])
      const plain: Timed[] = []
      const frozen: Timed[] = []
      const versions: number[] = []
      for (let round = 0; round < (isQuick ? 2 : 3); round++) {
        const [without, last] = [await run(), await run('--snapshot-interval', '1s')]
        plain.push(without)
        frozen.push(last)
        versions.push(versionsIn(node, cli, last.store))
        // They are gigabytes.
        for (const { store } of [without, last]) rmSync(store, { recursive: true })
      }
      const clock = [frozen, plain].map((runs) => runs.map(({ milliseconds }) => milliseconds)) as [number[], number[]]
      const work = [frozen, plain].map((runs) => runs.map(({ guest }) => guest)) as [number[], number[]]
      lines.push([
        node.name,
        shown(clock[1], ' ms'),
        shown(clock[0], ' ms'),
        shown(versions),
        shown(ratios(...clock)),
        work[0].includes(0) ? '-' : shown(ratios(...work)),
      ])
      const seconds = Math.round(clock[1].reduce((sum, one) => sum + one, 0) / clock[1].length / 1000)
      const what = `a checkpoint every second for ${seconds} s, run time / without, ${node.name}`
      verdicts.push(atMost(what, ratios(...clock), 1.03, ''))
    }
  }
  return {
    row: 'every-second',
    title: 'A checkpoint every second',
    method:
      'SQLite’s speedtest1 in memory, by `stasis run`, with `--snapshot-interval 1s` and without, in turns, on the clock, the ' +
      'whole process from its start on, until its last checkpoint is on the disk: about a minute each, a quarter of one with --quick. The versions are those in ' +
      'the store. Last: the processor time of the guest’s thread alone, which other programs on the machine change less.',
    head: ['Node', 'without', 'with', 'checkpoints', 'ratio', 'guest’s thread'],
    lines,
    verdicts,
    remarks,
  }
}

interface Timed {
  readonly milliseconds: number
  /** Of processor time of the guest's thread; 0 where nobody tells. */
  readonly guest: number
  readonly store: string
}

function time(node: NodeBinary, argv: readonly string[], store: string): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(node.path, argv, { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    let guest = 0
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    // The thread that works most.
    const sampling = setInterval(() => {
      guest = Math.max(guest, ...threadTimes(child.pid))
    }, 100)
    child.once('close', (status) => {
      clearInterval(sampling)
      const milliseconds = performance.now() - began
      if (status === 0) resolve({ milliseconds, guest, store })
      else reject(new Error(`stasis ${argv.slice(1).join(' ')} ended with ${status}: ${stderr}`))
    })
  })
}

/** Milliseconds of processor time of each thread of a process; none where the system does not tell. */
function threadTimes(pid: number | undefined): number[] {
  const tasks = `/proc/${pid}/task`
  try {
    return readdirSync(tasks).map((thread) => {
      const [nanoseconds = ''] = readFileSync(join(tasks, thread, 'schedstat'), 'utf8').split(' ')
      return Number(nanoseconds) / 1e6
    })
  } catch {
    return []
  }
}

function versionsIn(node: NodeBinary, cli: string, store: string): number {
  const { stdout } = spawnSync(node.path, [cli, 'ls', 's', '--json', '--store', store], { encoding: 'utf8' })
  const [session] = JSON.parse(stdout) as { versions: unknown[] }[]
  return session!.versions.length
}
