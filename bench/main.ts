/** `npm run bench`; see scripts/bench.mjs for the options. */
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { newestNode } from '../test/support/nodes.ts'
import { Bench, nodeBinary, say } from './bench.ts'
import { hasThreadTime } from './clock.ts'
import { drawPicture } from './picture.ts'
import { type Results, renderMarkdown, renderTerminal } from './render.ts'
import type { Section } from './report.ts'
import { afterRestore } from './rows/after-restore.ts'
import { boot } from './rows/boot.ts'
import { browser } from './rows/browser.ts'
import { calls } from './rows/calls.ts'
import { checkpoint } from './rows/checkpoint.ts'
import { checkpointFile } from './rows/checkpoint-file.ts'
import { codecs } from './rows/codecs.ts'
import { everySecond } from './rows/every-second.ts'
import { goTo } from './rows/go-to.ts'
import { imageSize } from './rows/image-size.ts'
import { log } from './rows/log.ts'
import { memory } from './rows/memory.ts'
import { migrate } from './rows/migrate.ts'
import { prelinkTime } from './rows/prelink.ts'
import { reload } from './rows/reload.ts'
import { runTime, type Timed } from './rows/run-time.ts'
import { size } from './rows/size.ts'
import { stacks } from './rows/stacks.ts'
import { versions } from './rows/versions.ts'
import { wholeRun } from './rows/whole-run.ts'

let timed: readonly Timed[] = []

const rows: Readonly<Record<string, (bench: Bench) => Promise<Section>>> = {
  'run-time': async (bench) => {
    const measured = await runTime(bench)
    timed = measured.timed
    return measured.section
  },
  'whole-run': wholeRun,
  size,
  prelink: prelinkTime,
  calls,
  checkpoint,
  stacks,
  'after-restore': afterRestore,
  boot,
  memory,
  'checkpoint-file': checkpointFile,
  versions,
  codecs,
  'every-second': everySecond,
  'image-size': imageSize,
  log,
  migrate,
  goto: goTo,
  browser,
  reload,
}

const usage = `npm run bench -- [--quick] [--only ROW,ROW] [--node machine|newest] [--rounds N] [--json]

  --quick     short runs and few rounds, about six minutes
  --only      some rows: ${Object.keys(rows).join(', ')}
  --node      one Node instead of two: the machine's, or the newest (npm package "node")
  --rounds    how often each run is repeated (default 5, with --quick 3)
  --json      prints the results as JSON instead of tables
Without --only and --node it writes docs/bench.md and docs/bench.svg.`

interface Arguments {
  readonly quick: boolean
  readonly only?: string
  readonly node?: string
  readonly rounds?: string
  readonly json: boolean
  readonly help: boolean
}

/** `child` is the bundle of bench/child.ts, `node` the Node of this machine. */
export async function main(root: string, child: string, node: string, args: string[]): Promise<number> {
  let options: Arguments
  let names: string[]
  let rounds: number
  try {
    options = parse(args)
    if (options.help) {
      process.stdout.write(`${usage}\n`)
      return 0
    }
    names = options.only?.split(',') ?? Object.keys(rows)
    const unknown = names.find((name) => rows[name] === undefined)
    if (unknown !== undefined) throw new Error(`There is no row ${unknown}.`)
    rounds = Number(options.rounds ?? (options.quick ? 3 : 5))
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a number from 1 on.')
    if (options.node !== undefined && !['machine', 'newest'].includes(options.node))
      throw new Error('--node takes "machine" or "newest".')
  } catch (error) {
    say(`${(error as Error).message}\n\n${usage}`)
    return 2
  }
  const machine = nodeBinary(node, false)
  const newest = nodeBinary(newestNode(), true)
  const both = machine.name === newest.name ? [newest] : [machine, newest]
  const nodes = options.node === undefined ? both : [options.node === 'machine' ? machine : newest]
  const bench = new Bench({ root, child, isQuick: options.quick, rounds, nodes })
  const began = performance.now()
  try {
    const sections: Section[] = []
    let hasFailed = false
    for (const name of names) {
      say(`${name} ...`)
      try {
        sections.push(await rows[name]!(bench))
      } catch (error) {
        say(`${name} failed: ${(error as Error).message}`)
        hasFailed = true
      }
    }
    const results: Results = {
      conditions: conditionsOf(options, rounds, nodes.map((node) => node.name).join(', '), performance.now() - began),
      sections,
    }
    const text = options.json ? JSON.stringify(results, null, 2) : renderTerminal(results)
    process.stdout.write(`${text}\n`)
    if (hasFailed) return 1
    if (options.only === undefined && options.node === undefined) write(root, results, nodes.at(-1)!.name)
    return 0
  } finally {
    bench.dispose()
  }
}

function parse(args: string[]): Arguments {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      node: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return values
}

function conditionsOf({ quick }: Arguments, rounds: number, nodes: string, took: number): string[] {
  const processor = cpus()[0]?.model.trim() ?? 'an unknown processor'
  return [
    `${cpus().length} × ${processor}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}; ${nodes}`,
    `${new Date().toISOString().slice(0, 10)}, ${quick ? 'quick setting' : 'full setting'}, ${rounds} rounds, ${Math.round(took / 60_000)} minutes`,
    loadLine(),
    hasThreadTime
      ? 'Times are processor time of the thread concerned, since other programs ran on the machine; compiling is measured by the clock'
      : "All times are the clock's, other programs included",
  ]
}

/** Afterwards, hence about 1 on a machine that did nothing else. */
function loadLine(): string {
  const load = loadavg()[2] ?? 0
  const isBusy = load > 1.5
  return `Load average ${load.toFixed(1)} over the last quarter of an hour${isBusy ? ': other programs ran, so compare with the null control before believing a difference' : ''}`
}

function write(root: string, results: Results, node: string): void {
  const head = [
    '# Benchmark',
    'Written by `npm run bench`; everything is measured side by side in one run. `npm run bench -- --quick` takes a quarter of an hour.',
  ]
  const picture = timed.length === 0 ? [] : ['![Run time per program](bench.svg)']
  writeFileSync(join(root, 'docs/bench.md'), `${[...head, renderMarkdown(results), ...picture].join('\n\n')}\n`)
  if (timed.length > 0) writeFileSync(join(root, 'docs/bench.svg'), drawPicture(timed, node))
  say('Written: docs/bench.md, docs/bench.svg')
}
