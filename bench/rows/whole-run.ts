import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ProgramName, program } from '../../test/programs/programs.ts'
import { type Bench, missing, type NodeBinary } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { geometricMean, median, ratios } from '../statistics.ts'

interface Run {
  readonly name: string
  readonly program: ProgramName
  readonly args: string
  readonly quick: string
}

/** Of some ten seconds by node:wasi, or two. */
const runs: readonly Run[] = [
  { name: 'C: matrix', program: 'matrix', args: '200 800', quick: '200 150' },
  { name: 'C: n-body', program: 'nbody', args: '100000000', quick: '20000000' },
  { name: 'C: sieve', program: 'sieve', args: '1000000000', quick: '200000000' },
  { name: 'Lua: mandelbrot', program: 'lua', args: '/guest/mandelbrot.lua 2000', quick: '/guest/mandelbrot.lua 900' },
  { name: 'Lua: a loop', program: 'lua', args: '/bench/loop.lua 300000000', quick: '/bench/loop.lua 60000000' },
  { name: 'CPython: a loop', program: 'cpython', args: '/bench/loop.py 12000000', quick: '/bench/loop.py 2500000' },
  { name: 'CPython: recursion', program: 'cpython', args: '/bench/queens.py 8 8', quick: '/bench/queens.py 8 2' },
  { name: 'SQLite speedtest1', program: 'speedtest1', args: '--size 300 --memdb', quick: '--size 60 --memdb' },
]

type Variant = 'wasi' | 'again' | 'kept' | 'stasis'

/** Whole processes, as people start them: a program runs once, with its log and ready to be frozen, or by node:wasi. */
export async function wholeRun(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const rounds = isQuick ? 2 : bench.settings.rounds
  const cli = join(bench.settings.root, 'dist/cli.js')
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  const remarks: string[] = []
  if (!existsSync(cli)) remarks.push('dist/ is missing: run npm run build')
  const available = runs.filter(({ program: name }) => {
    const reason = missing(name)
    if (reason !== undefined) remarks.push(reason)
    return reason === undefined && existsSync(cli)
  })
  for (const node of nodes) {
    const means: number[] = []
    for (const run of available) {
      const times: Record<Variant, number[]> = { wasi: [], again: [], kept: [], stasis: [] }
      const outputs = new Set<string>()
      // Not counted: what is pre-linked is in the cache then.
      time(bench, node, cli, run, 'stasis')
      for (let round = 0; round < rounds; round++) {
        for (const variant of ['wasi', 'kept', 'stasis', 'again'] as const) {
          const { milliseconds, stdout, crash } = time(bench, node, cli, run, variant)
          times[variant].push(milliseconds)
          outputs.add(stdout)
          if (crash !== undefined) remarks.push(crash)
        }
      }
      if (outputs.size > 1) remarks.push(`${run.name} on ${node.name}: not the same output everywhere!`)
      means.push(median(ratios(times.stasis, times.wasi)))
      lines.push([
        run.name,
        node.name,
        shown(times.wasi, ' ms'),
        ...(['again', 'kept', 'stasis'] as const).map((variant) => shown(ratios(times[variant], times.wasi))),
      ])
    }
    if (means.length === 0) continue
    verdicts.push(
      atMost(`one whole run, stasis / node:wasi, geometric mean, ${node.name}`, [geometricMean(means)], 1, ''),
    )
  }
  return {
    row: 'whole-run',
    title: 'One run from start to end, beside node:wasi',
    method:
      'On the clock, whole processes in turns: a script of five lines around node:wasi (also as the null control), ' +
      '`stasis run` with `--no-osr`, and `stasis run` as it is, with its call log, its checkpoints after five seconds of work ' +
      'and everything else. Programs that compute; what they call for is in the other rows.',
    head: ['program', 'Node', 'node:wasi', 'null', 'without OSR', 'stasis run'],
    lines,
    verdicts,
    remarks: [...new Set(remarks)],
  }
}

interface Timed {
  readonly milliseconds: number
  readonly stdout: string
  /** A sentence, where the process died when all was written. */
  readonly crash?: string
}

function time(bench: Bench, node: NodeBinary, cli: string, run: Run, variant: Variant): Timed {
  const { path, argv0 } = program(run.program)
  const { isQuick, root } = bench.settings
  const { args, mounts } = bench.guest(argv0, (isQuick ? run.quick : run.args).split(' '))
  const grants = Object.entries(mounts)
  const isWasi = variant === 'wasi' || variant === 'again'
  const argv = isWasi
    ? [join(root, 'bench/node-wasi.mjs'), path, ...grants.map(([guest, host]) => `${guest}=${host}`), '--', ...args]
    : [
        ...[cli, 'run', '--store', bench.scratch(), ...(variant === 'kept' ? ['--no-osr'] : [])],
        ...grants.flatMap(([guest, host]) => ['--dir', `${host}::${guest}:ro`]),
        ...[path, ...args.slice(1)],
      ]
  const began = performance.now()
  const options = { encoding: 'utf8', maxBuffer: 1 << 26 } as const
  const { status, signal, stdout, stderr } = spawnSync(node.path, ['--no-warnings', ...argv], options)
  const milliseconds = performance.now() - began
  if (isWasi && signal === 'SIGSEGV') {
    const crash = `${run.name}: node:wasi of ${node.name} dies of SIGSEGV when the program has written everything; counted all the same`
    return { milliseconds, stdout: withoutTimes(stdout), crash }
  }
  if (status !== 0) throw new Error(`${run.name} by ${variant} ended with ${status ?? signal}: ${stderr}`)
  return { milliseconds, stdout: withoutTimes(stdout) }
}

/** speedtest1 says how long it took. */
const withoutTimes = (text: string): string => text.replace(/\d+\.\d{3}s/g, '~')
