import { stripVTControlCharacters, styleText } from 'node:util'
import type { Section, Verdict } from './report.ts'

export interface Results {
  /** Where, when and how it was measured, a line each. */
  readonly conditions: readonly string[]
  readonly sections: readonly Section[]
}

const verdictHead = ['what', 'measured', 'target', 'met']

const verdictLine = ({ what, value, target, isMet, note }: Verdict): string[] => [
  what,
  value,
  target,
  `${isMet ? 'yes' : '**no**'}${note === undefined ? '' : ` (${note})`}`,
]

function markdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [row(head), row(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...lines.map(row)].join('\n')
}

/** docs/bench.md, but for its head. */
export function renderMarkdown({ conditions, sections }: Results): string {
  const verdicts = sections.flatMap((section) => section.verdicts)
  const parts = [
    conditions.map((line) => `- ${line}`).join('\n'),
    '## Targets',
    `${verdicts.filter((each) => each.isMet).length} of ${verdicts.length} met. Medians, with the range over all rounds in brackets.`,
    markdownTable(verdictHead, verdicts.map(verdictLine)),
  ]
  for (const { title, method, head, lines, remarks } of sections) {
    parts.push(`## ${title}`, method, markdownTable(head, lines))
    if (remarks.length > 0) parts.push(remarks.map((remark) => `- ${remark}`).join('\n'))
  }
  return parts.join('\n\n')
}

function terminalTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const width = (text: string) => stripVTControlCharacters(text).length
  const widths = head.map((cell, i) => Math.max(width(cell), ...lines.map((line) => width(line[i] ?? ''))))
  const pad = (cell: string, i: number) => {
    const space = ' '.repeat((widths[i] ?? 0) - width(cell))
    return i === 0 ? cell + space : space + cell
  }
  const row = (cells: readonly string[]) => cells.map(pad).join('  ').trimEnd()
  return [styleText('bold', row(head)), ...lines.map(row)].join('\n')
}

export function renderTerminal({ conditions, sections }: Results): string {
  const parts = [conditions.join('\n')]
  for (const { title, head, lines, verdicts, remarks } of sections) {
    const targets = verdicts.map((verdict) => {
      const [what, value, target] = verdictLine(verdict)
      return [what!, value!, target!, verdict.isMet ? styleText('green', 'met') : styleText('red', 'missed')]
    })
    const tables = [terminalTable(head, lines), terminalTable(verdictHead, targets)]
    parts.push([styleText('underline', title), ...tables, ...remarks].join('\n\n'))
  }
  return parts.join('\n\n')
}
