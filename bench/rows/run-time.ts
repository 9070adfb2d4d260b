import { program } from '../../test/programs/programs.ts'
import { type Bench, missing, type NodeBinary, say } from '../bench.ts'
import { type Section, shown, type Verdict } from '../report.ts'
import { geometricMean, median, ratios } from '../statistics.ts'
import { type Workload, workloads } from '../workloads.ts'

const variants = ['plain', 'again', 'none', 'default', 'asyncify'] as const
type Variant = (typeof variants)[number]

/** Milliseconds of each variant, one of each round; absent where it was not measured. */
export interface Timed {
  readonly workload: Workload
  readonly node: NodeBinary
  readonly times: Readonly<Partial<Record<Variant, number[]>>>
  /** Variants whose output or exit code was not the plain run's. */
  readonly different: readonly Variant[]
}

export async function runTime(bench: Bench): Promise<{ section: Section; timed: readonly Timed[] }> {
  const { isQuick, nodes, rounds } = bench.settings
  const remarks: string[] = []
  const timed: Timed[] = []
  for (const workload of workloads) {
    const reason = missing(workload.program)
    if (reason !== undefined) {
      remarks.push(reason)
      continue
    }
    for (const node of nodes) timed.push(await measure(bench, workload, node))
  }
  for (const { workload, node, different } of timed)
    if (different.length > 0) remarks.push(`${workload.name} on ${node.name}: other output of ${different.join(', ')}!`)
  remarks.push(...nodes.map((node) => nullRemark(node, timed)))
  const section: Section = {
    row: 'run-time',
    title: 'Run time, ratio to the plain module under the same kernel',
    method:
      `Processor time of the guest's thread from \`_start\` to exit, best of ${repeats} after one that does not count; every figure from a process of its own, ` +
      `variants in turns, ${rounds} rounds${isQuick ? ' of short runs' : ''}. "Null" is the plain module once more. Asyncify is Binaryen's ` +
      '`--asyncify -O3`, never unwinding.',
    head: ['program', 'Node', 'plain', 'null', 'polls none', 'polls default', 'Asyncify -O3'],
    lines: timed.map(({ workload, node, times }) => [
      workload.name,
      node.name.slice(5),
      shown(times.plain ?? [], ' ms'),
      ...(['again', 'none', 'default', 'asyncify'] as const).map((variant) => ratioOf(times, variant)),
    ]),
    verdicts: nodes.flatMap((node) => verdictsOf(node, timed)),
    remarks,
  }
  return { section, timed }
}

/** Of which the best counts: what disturbs a run only ever makes it slower. */
const repeats = 3

async function measure(bench: Bench, workload: Workload, node: NodeBinary): Promise<Timed> {
  const { isQuick, rounds } = bench.settings
  const { path, argv0 } = program(workload.program)
  const guest = bench.guest(argv0, isQuick ? workload.quick : workload.args)
  const modules: Partial<Record<Variant, { module: string; original?: string }>> = {
    plain: { module: path },
    none: { module: await bench.prelinked(path, 'none'), original: path },
    again: { module: path },
    default: { module: await bench.prelinked(path, 'default'), original: path },
    ...(workload.rival && { asyncify: { module: bench.asyncified(path) } }),
  }
  const names = Object.keys(modules) as Variant[]
  const times: Partial<Record<Variant, number[]>> = {}
  const digests: Partial<Record<Variant, string>> = {}
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length]!
      const output = await bench.run('runTime', { guest, ...modules[name]!, repeats }, node)
      times[name] = [...(times[name] ?? []), Math.min(...output.times)]
      digests[name] = output.digest
    }
  }
  say(`  ${workload.name}, ${node.name}: ${names.map((name) => `${name} ${ratioOf(times, name)}`).join(', ')}`)
  return { workload, node, times, different: names.filter((name) => digests[name] !== digests.plain) }
}

const ratioOf = (times: Timed['times'], variant: Variant): string => {
  const own = times[variant]
  return own === undefined ? '' : shown(ratios(own, times.plain ?? []))
}

export const medianRatio = ({ times }: Timed, variant: Variant): number =>
  median(ratios(times[variant] ?? [], times.plain ?? []))

/** How far the same module strays from itself: smaller differences mean nothing. */
function nullRemark(node: NodeBinary, timed: readonly Timed[]): string {
  const own = timed.filter((each) => each.node === node).map((each) => medianRatio(each, 'again'))
  const [low, high] = [Math.min(...own), Math.max(...own)].map((value) => value.toFixed(2))
  return `${node.name}: the null control's geometric mean is ${geometricMean(own).toFixed(3)}, from ${low} to ${high}.`
}

function verdictsOf(node: NodeBinary, timed: readonly Timed[]): Verdict[] {
  const own = timed.filter((each) => each.node === node)
  if (own.length === 0) return []
  const [mean, worst] = node.isNewest ? [1.04, 1.1] : [1.08, 1.2]
  const without = own.map((each) => medianRatio(each, 'none'))
  const withPolls = own.map((each) => medianRatio(each, 'default'))
  const highest = (values: readonly number[]) => {
    const at = values.indexOf(Math.max(...values))
    return { ratio: values[at]!, name: own[at]!.workload.name }
  }
  const verdict = (what: string, value: number, limit: number, name = ''): Verdict => ({
    what: `run time, ${node.name}, ${what}`,
    value: `${value.toFixed(3)}${name && ` (${name})`}`,
    target: `≤ ${limit}`,
    isMet: value <= limit,
  })
  const [top, topPolls] = [highest(without), highest(withPolls)]
  return [
    verdict('polls none, geometric mean', geometricMean(without), mean),
    verdict('polls none, worst', top.ratio, worst, top.name),
    verdict('polls default, geometric mean', geometricMean(withPolls), node.isNewest ? 1.06 : 1.1),
    verdict('polls default, worst', topPolls.ratio, worst, topPolls.name),
  ]
}
