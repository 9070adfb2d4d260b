import type { CheckpointReport } from '../../../runtime/inspect/checkpoint-report.ts'
import { loadModule } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { prelink } from '../../../wasm-shim/prelink/index.ts'
import { formatSize, formatTable, plural, printable } from '../format.ts'
import type { Terminal } from '../terminal.ts'
import { type Directories, directoryMovements, isBelow } from './directory-movements.ts'
import { type ModuleReport, reportModule } from './module-report.ts'
import type { StartReport } from './start-report.ts'

export type Moves = 'moves' | 'moves if granted' | 'does not move'

/** One resource of a session, and what becomes of it where the session is to go (D5). */
export interface Movement {
  readonly resource: string
  readonly moves: Moves
  readonly because: string
}

export interface MoveTarget {
  readonly name: string
  readonly isPage: boolean
  /** Features that it lacks, as in features.ts. */
  readonly lacks: readonly string[]
  /** Bytes of one memory. */
  readonly maxMemory: number
  /** Bytes of stack that a restored program may use. */
  readonly stack: number
}

const gib = 2 ** 30
/** A worker of ours has 16 MB, of which a restored stack needs up to 2.6 times what it was (spawn.ts). */
const nodeStack = 6 << 20
/** A page's worker has about 1 MB, and nobody can ask for more. */
const pageStack = 384 << 10

export const moveTargets: readonly MoveTarget[] = [
  {
    name: 'node20',
    isPage: false,
    lacks: ['exceptions (exnref)', 'multi-memory', 'memory64'],
    maxMemory: 4 * gib,
    stack: nodeStack,
  },
  { name: 'node', isPage: false, lacks: [], maxMemory: 4 * gib, stack: nodeStack },
  { name: 'chromium', isPage: true, lacks: [], maxMemory: 4 * gib, stack: pageStack },
  { name: 'firefox', isPage: true, lacks: [], maxMemory: 4 * gib, stack: pageStack },
]

/** Of a frame that a call takes beside what it saves. */
const frameBytes = 96
/** Values are kept more than once: in their locals, as operands, spilled. */
const wordBytes = 12

export async function reportMovement(
  report: CheckpointReport | StartReport,
  target: MoveTarget,
  store: Store,
  directories: Directories,
): Promise<readonly Movement[]> {
  const bytes = await loadModule(store, report.module.sha256)
  const module = bytes === undefined ? undefined : reportModule(report.module.name, bytes, prelink)
  const own = report.kind === 'checkpoint' ? checkpointMovements(report, target, directories) : startMovements(report)
  const rows = directoryMovements(report, directories, target)
  return [...moduleMovements(report.module, module, target), ...own, ...rows]
}

function moduleMovements(
  { name, size }: { name: string; size: number },
  module: ModuleReport | undefined,
  target: MoveTarget,
) {
  if (module === undefined) {
    return [row(`module ${name}`, 'does not move', 'this store does not have it: take a checkpoint, which keeps it')]
  }
  const missing = module.features.filter((feature) => target.lacks.includes(feature))
  const functions = [...new Set(module.imports.filter(({ known }) => !known).map((each) => each.module))]
  return [
    row(`module ${name}, ${formatSize(size)}`, 'moves', 'it goes along, by its hash, if it is not there yet'),
    ...missing.map((feature) => row(`feature ${feature}`, 'does not move', `${target.name} does not have it`)),
    ...functions.map((from) =>
      row(
        `functions of "${from}"`,
        'moves if granted',
        'they are not WASI: whoever runs it has to provide them again (--import)',
      ),
    ),
  ]
}

function checkpointMovements(report: CheckpointReport, target: MoveTarget, directories: Directories): Movement[] {
  const { instances, stacks, descriptors, input, args } = report
  const memories = instances.flatMap(({ memories: own }) => own)
  return [
    ...memories.map(({ bytes, nonZeroBytes }) => {
      const what = `memory of ${formatSize(bytes)}`
      if (bytes > target.maxMemory)
        return row(what, 'does not move', `${target.name} gives at most ${formatSize(target.maxMemory)}`)
      return row(what, 'moves', `${formatSize(nonZeroBytes)} of it are not zero`)
    }),
    ...stacks.map(({ frames }) => stackMovement(frames, target)),
    row('arguments and environment', 'moves', `${plural(args.length, 'argument')}; they are part of the checkpoint`),
    ...(input > 0 ? [row('input read ahead', 'moves', `${formatSize(input)}, which come first there`)] : []),
    ...descriptors.map(({ fd, type, path, moves, because }): Movement => {
      const what = `descriptor ${fd}, ${type}${path === undefined ? '' : ` ${path}`}`
      if (path === undefined) return row(what, 'moves', 'it becomes the terminal or pipe of whoever runs it there')
      const isOfHost = moves === 'moves if granted'
      const fate = isOfHost ? directories.fates?.find(({ guest }) => isBelow(path, guest)) : undefined
      if (fate !== undefined)
        return row(what, fate.fate === 'refused' ? 'does not move' : 'moves', `${fate.guest}: ${fate.because}`)
      if (isOfHost && target.isPage && type !== 'directory') {
        return row(what, 'does not move', `${because}, and a page has no directories of this machine`)
      }
      return row(what, moves, because)
    }),
  ]
}

function stackMovement(frames: CheckpointReport['stacks'][number]['frames'], target: MoveTarget): Movement {
  const words = frames.reduce((sum, frame) => sum + frame.words, 0)
  const needed = frames.length * frameBytes + words * wordBytes
  const what = `stack of ${plural(frames.length, 'frame')}`
  if (needed <= target.stack)
    return row(what, 'moves', `about ${formatSize(needed)} of the ${formatSize(target.stack)} there`)
  return row(
    what,
    'does not move',
    `it needs about ${formatSize(needed)}, and there are ${formatSize(target.stack)}: move it when it is less deep`,
  )
}

function startMovements({ ended, log }: StartReport): Movement[] {
  if (ended !== null) return [row('program', 'does not move', `it has ended with code ${ended}`)]
  if (log === null) return [row('state', 'does not move', 'it has neither a checkpoint nor a log')]
  return [row('state', 'moves', 'it has no checkpoint: there its logged calls are made again from the first one on')]
}

const row = (resource: string, moves: Moves, because: string): Movement => ({ resource, moves, because })

const colours = { moves: 'green', 'moves if granted': 'yellow', 'does not move': 'red' } as const

export function printMovement(movements: readonly Movement[], target: MoveTarget, terminal: Terminal): string {
  const table = formatTable(
    [{ title: 'RESOURCE' }, { title: `TO ${target.name.toUpperCase()}` }, { title: 'BECAUSE' }],
    movements.map(({ resource, moves, because }) => [
      printable(resource),
      terminal.style(colours[moves], moves),
      printable(because),
    ]),
  )
  const stuck = movements.filter(({ moves }) => moves === 'does not move').length
  const end =
    stuck === 0 ? `It can move to ${target.name}.` : `${plural(stuck, 'resource')} cannot move to ${target.name}.`
  return `${table}\n\n${end}`
}
