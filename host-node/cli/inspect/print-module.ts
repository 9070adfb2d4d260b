import { formatSize, plural, printable, wrap } from '../format.ts'
import type { Terminal } from '../terminal.ts'
import type { ImportReport, ModuleReport } from './module-report.ts'

const pageSize = 65_536

const entryWords = {
  command: 'a command (_start)',
  reactor: 'a reactor (_initialize)',
  library: 'neither a command nor a reactor',
} as const

/** A module report for people. */
export function printModule(report: ModuleReport, terminal: Terminal): string {
  const fact = factPrinter(terminal)
  return [
    terminal.style('bold', report.file),
    fact('kind', `${entryWords[report.entry]}, ${formatSize(report.size)}`),
    fact(
      'functions',
      `${plural(report.functions.defined, 'function')}, ${report.functions.imported.toLocaleString('en-US')} imported` +
        `${report.startFunction ? ', with a start function' : ''}`,
    ),
    fact('memory', report.memories.map(describeMemory).join('; ') || 'none'),
    ...(report.globals
      ? [fact('globals', `${report.globals.mutable} mutable, ${report.globals.constant} constant`)]
      : []),
    fact('features', report.features.join(', ') || 'WebAssembly 1.0 only'),
    fact('imports', describeImports(report.imports)),
    fact('exports', printable(report.exports.map((item) => item.name).join(', ')) || 'none'),
    '',
    ...describeVerdict(report, terminal),
  ].join('\n')
}

/** 'label      text', the text wrapped behind a fixed column. */
export function factPrinter(terminal: Terminal): (label: string, text: string) => string {
  const width = 14
  const indent = ' '.repeat(width)
  return (label, text) =>
    `  ${terminal.style('cyan', label)}${' '.repeat(Math.max(1, width - 2 - label.length))}` +
    wrap(text, terminal.columns - width).replaceAll('\n', `\n${indent}`)
}

function describeMemory({ min, max, imported }: ModuleReport['memories'][number]): string {
  const limit = max === null ? 'no limit' : max === min ? 'fixed' : `at most ${formatSize(max * pageSize)}`
  return `${formatSize(min * pageSize)} at first, ${limit}${imported ? ', imported' : ''}`
}

/** Known imports grouped by module; unknown ones appear among the problems. */
function describeImports(imports: readonly ImportReport[]): string {
  const modules = [...new Set(imports.map((item) => item.module))]
  const groups = modules.map((module) => {
    const names = imports.filter((item) => item.module === module).map((item) => item.name)
    return `${module}: ${[...new Set(names)].join(', ')}`
  })
  return printable(groups.join('; ')) || 'none'
}

function describeVerdict(report: ModuleReport, terminal: Terminal): string[] {
  if (report.problems.length === 0 && report.refusal !== undefined) {
    const text =
      `The instrumented engine refuses it: ${printable(report.refusal.message)} [${report.refusal.code}] It runs log-only: ` +
      'it can be stopped, and is resumed by making the calls of its log again.'
    return [
      `${terminal.style('yellow', 'Can be run, without checkpoints.')} Try: stasis run ${report.file}`,
      `  ${wrap(text, terminal.columns - 2, '  ')}`,
    ]
  }
  if (report.problems.length === 0)
    return [`${terminal.style('green', 'Can be run, frozen and resumed.')} Try: stasis run ${report.file}`]
  return [
    terminal.style('red', 'Cannot be run and frozen as it is:'),
    ...report.problems.map(
      (problem) => `  ${wrap(`${printable(problem.message)} [${problem.code}]`, terminal.columns - 2, '  ')}`,
    ),
  ]
}
