import { stripVTControlCharacters } from 'node:util'

export { formatSize, formatTime, plural, printable } from '../../runtime/inspect/format.ts'

export interface Column {
  readonly title: string
  readonly align?: 'right'
}

/** Rows under titles, two spaces between columns, nothing behind the last. Cells may contain colour. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.map((column) => column.title)
  const width = (cell: string) => stripVTControlCharacters(cell).length
  const widths = columns.map((_, index) => Math.max(...[titles, ...rows].map((row) => width(row[index] ?? ''))))
  return [titles, ...rows]
    .map((row) =>
      columns
        .map((column, index) => {
          const cell = row[index] ?? ''
          const pad = ' '.repeat((widths[index] as number) - width(cell))
          return column.align === 'right' ? pad + cell : cell + pad
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Breaks a paragraph at spaces so that no line, indented by `indent` from the second on, exceeds `columns`. */
export function wrap(paragraph: string, columns: number, indent = ''): string {
  const lines: string[] = []
  let line = ''
  for (const word of paragraph.split(' ')) {
    const room = columns - (lines.length > 0 ? indent.length : 0)
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${indent}`)
}
