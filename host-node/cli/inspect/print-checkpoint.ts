import type { CheckpointReport, FrameReport } from '../../../runtime/inspect/checkpoint-report.ts'
import { describeLog } from '../../../runtime/inspect/log-report.ts'
import type { FilesReport, MountReport } from '../../../runtime/inspect/mount-report.ts'
import type { LeftRegion } from '../../../wasm-shim/guest-abi/state.ts'
import type { DescriptorSummary } from '../../../wasm-shim/wasi/kernel.ts'
import { formatSize, formatTable, formatTime, plural, printable } from '../format.ts'
import { shellJoin } from '../mounts.ts'
import { printListing } from '../print-listing.ts'
import type { Terminal } from '../terminal.ts'
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
    fact('taken', `${formatTime(report.time)}, ${describeCause(report.cause)}`),
    ...(report.label === undefined ? [] : [fact('label', printable(report.label))]),
    fact('module', printable(`${report.module.name}, ${formatSize(report.module.size)}`)),
    fact('', `sha256 ${report.module.sha256}${report.module.present ? '' : '; not in this store'}`),
    fact('command', printable(shellJoin(report.args))),
    fact('environment', printable(report.env.join(' ')) || 'empty'),
    ...(report.input === 0 ? [] : [fact('input', `${formatSize(report.input)} read ahead`)]),
    fact('calls', `${report.calls.toLocaleString('en-US')} made before it`),
    ...(report.log === undefined ? [] : describeLog(report.log).map(([label, text]) => fact(label, text))),
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
    ...(report.regions.length === 0 ? [] : ['', title('Regions'), printRegions(report.regions)]),
    ...printNotTaken(report.regionsNotTaken ?? [], title),
    '',
    title('Descriptors'),
    printDescriptors(report.descriptors, terminal),
    ...(report.mounts.length === 0 ? [] : ['', title('Directories'), printMounts(report.mounts, terminal)]),
    ...(report.files === undefined ? [] : printFiles(report.files, title, terminal)),
    ...printConditions(report),
  ].join('\n')
}

function printRegions(regions: CheckpointReport['regions']): string {
  const rows = regions.map(({ name, address, length }) => [
    `  ${printable(name)}`,
    formatSize(length),
    `at 0x${address.toString(16)}`,
  ])
  return formatTable(
    ['  NAME', 'SIZE', 'PLACE'].map((title) => ({ title })),
    rows,
  )
}

/** Of `--regions-from`. */
function printNotTaken(regions: readonly LeftRegion[], title: (text: string) => string): string[] {
  if (regions.length === 0) return []
  const rows = regions.map(({ name, length }) => `  ${printable(name)}, ${formatSize(length)}`)
  return ['', title('Regions of an older program that this one has not registered so far (ckpRegister)'), ...rows]
}

const causes: Readonly<Record<string, string>> = {
  request: 'asked for',
  signal: 'by a signal',
  interval: 'by --snapshot-interval',
  call: 'by --snapshot-on call',
  'first-stdin': 'by --snapshot-on first-stdin',
  idle: 'by --snapshot-on idle',
  keyframe: 'by itself, to bound the time of a recovery',
  guest: 'by the program itself',
  fork: 'as the first one of a fork',
  restore: 'as the first one after directories came to live in it',
  replay: 'where a replay stopped',
}

const describeCause = (cause: string): string =>
  Object.hasOwn(causes, cause) ? (causes[cause] as string) : printable(cause)

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

function printDescriptors(descriptors: readonly DescriptorSummary[], terminal: Terminal): string {
  const rows = descriptors.map(({ fd, type, path, flags, offset, moves }) => [
    `  ${fd}`,
    type,
    printable(path ?? ''),
    [...flags, ...(offset === undefined ? [] : [`at ${offset}`])].join(', '),
    terminal.style(moveColours[moves], moves),
  ])
  const titles = ['  FD', 'TYPE', 'PATH', 'STATE', 'ON RESTORE']
  return formatTable(
    titles.map((title) => ({ title })),
    rows,
  )
}

function printMounts(mounts: readonly MountReport[], terminal: Terminal): string {
  const rows = mounts.map(({ guest, kind, source, readOnly, moves, because }) => [
    `  ${printable(guest)}`,
    readOnly ? `${kind}, read-only` : kind,
    printable(source ?? ''),
    terminal.style(moveColours[moves], moves),
    printable(because),
  ])
  const titles = ['  NAME', 'KIND', 'DIRECTORY', 'ON RESTORE', 'BECAUSE']
  return formatTable(
    titles.map((title) => ({ title })),
    rows,
  )
}

/** More would bury the rest. */
const shownFiles = 20

function printFiles(report: FilesReport, title: (text: string) => string, terminal: Terminal): string[] {
  const { content, files, size } = report
  if (files.length === 0) return []
  const how = content === 'carried' ? `, with ${formatSize(size)} of contents` : ', without their contents'
  const listing = files.slice(0, shownFiles)
  const more =
    files.length > listing.length ? [`  … ${files.length - listing.length} more; "stasis files" shows all`] : []
  return [
    '',
    title(`Files in directories of the host: ${files.length}${how}`),
    printListing(listing, terminal),
    ...more,
  ]
}

const moveColours = { moves: 'green', 'moves if granted': 'yellow', 'does not move': 'red' } as const

/** Why something does not move, and what has to be granted again. */
function printConditions({ descriptors, grants }: CheckpointReport): string[] {
  const stuck = descriptors.filter(({ moves }) => moves === 'does not move')
  return [
    ...stuck.map(({ fd, because }) => `  Descriptor ${fd} does not move, because ${printable(because)}.`),
    ...(grants.length > 0 ? [`  To be granted on restore: ${printable(grantWords(grants))}`] : []),
  ]
}

const grantWords = (grants: readonly string[]): string => shellJoin(grants.flatMap((grant) => ['--dir', grant]))
