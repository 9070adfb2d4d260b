import { formatSize, formatTable, formatTime, plural, printable } from '../format.ts'
import { shellJoin, shellQuote } from '../mounts.ts'
import type { Terminal } from '../terminal.ts'
import type { CheckpointReport, FrameReport } from './checkpoint-report.ts'
import type { DescriptorReport, Moves } from './descriptors.ts'
import { factPrinter } from './print-module.ts'

/** Deep recursions repeat themselves: this many frames from each end tell what is going on. */
const framesAtEachEnd = 20

/** A checkpoint report for people. */
export function printCheckpoint(report: CheckpointReport, terminal: Terminal): string {
  const fact = factPrinter(terminal)
  const title = (text: string) => terminal.style('bold', text)
  const name = report.version === undefined ? report.session : `${report.session}@${report.version}`
  return [
    title(printable(name)),
    fact('file', `${report.location}, ${formatSize(report.size)}`),
    fact('taken', `${formatTime(report.time)}, because: ${printable(report.cause)}`),
    ...(report.label === undefined ? [] : [fact('label', printable(report.label))]),
    fact('module', printable(`${report.module.name}, ${formatSize(report.module.size)}`)),
    fact('', `sha256 ${report.module.sha256}${report.module.present ? '' : '; not in this store'}`),
    fact('command', printable(shellJoin(report.args))),
    fact('environment', printable(report.env.join(' ')) || 'empty'),
    fact('calls', `${report.calls.toLocaleString('en-US')} made before it`),
    ...report.instances.flatMap((instance) => [
      ...instance.memories.map(({ bytes, nonZeroBytes }) =>
        fact('memory', `${formatSize(bytes)}, of which ${formatSize(nonZeroBytes)} are not zero`),
      ),
      fact('globals', plural(instance.globals, 'word')),
      ...instance.tables.flatMap((size) => (size === null ? [] : [fact('table', plural(size, 'element'))])),
    ]),
    ...report.stacks.flatMap(({ entry, call, frames }) => [
      '',
      title(`Stack: ${plural(frames.length, 'frame')} from ${printable(entry)}, about to call ${printable(call)}`),
      ...printFrames(frames),
    ]),
    '',
    title('Descriptors'),
    printDescriptors(report.descriptors, terminal),
  ].join('\n')
}

function printFrames(frames: readonly FrameReport[]): string[] {
  const omitted = frames.length - 2 * framesAtEachEnd
  const shown = omitted > 1 ? [...frames.slice(0, framesAtEachEnd), ...frames.slice(-framesAtEachEnd)] : frames
  const lines = shown.map((frame, position) => {
    const number = position < framesAtEachEnd || omitted <= 1 ? position : position + omitted
    return `  ${String(number).padStart(4)}  ${printable(nameOf(frame))}`
  })
  if (omitted > 1) lines.splice(framesAtEachEnd, 0, `        … ${plural(omitted, 'frame')} more; --json shows all`)
  return lines
}

function nameOf({ name, function: index, site }: FrameReport): string {
  return name ?? (index === null ? `call site ${site}` : `function ${index}`)
}

function printDescriptors(descriptors: readonly DescriptorReport[], terminal: Terminal): string {
  const rows = descriptors.map((descriptor) => [
    `  ${descriptor.fd}`,
    descriptor.kind,
    printable(descriptor.path ?? ''),
    [
      descriptor.access ?? '',
      descriptor.append ? 'appending' : '',
      descriptor.offset === undefined ? '' : `at ${descriptor.offset}`,
    ]
      .filter((part) => part !== '')
      .join(', '),
    printMoves(descriptor.moves, terminal),
  ])
  return formatTable(
    [{ title: '  FD' }, { title: 'KIND' }, { title: 'PATH' }, { title: 'STATE' }, { title: 'ON RESTORE' }],
    rows,
  )
}

function printMoves(moves: Moves, terminal: Terminal): string {
  switch (moves.verdict) {
    case 'moves':
      return terminal.style('green', 'moves')
    case 'if granted':
      return terminal.style('yellow', `moves if granted: --dir ${printable(shellQuote(moves.grant))}`)
    case 'does not move':
      return terminal.style('red', `does not move, because ${printable(moves.because)}`)
  }
}
