import { medianRatio, type Timed } from './rows/run-time.ts'

const left = 170
const scale = 170
const barHeight = 11
const rowHeight = 3 * barHeight + 13
const headHeight = 64

const series = [
  { variant: 'none', label: 'Stasis, polls none', colour: 'none' },
  { variant: 'default', label: 'Stasis, default polls', colour: 'polls' },
  { variant: 'asyncify', label: 'Binaryen Asyncify -O3', colour: 'rival' },
] as const

// Colours that can be read on white and on black; a viewer that knows which it is gets the text's.
const style = `
    text { font: 12px system-ui, sans-serif; fill: #57606a; }
    .title { font-size: 14px; font-weight: 600; }
    .value { font-size: 10px; }
    .none { fill: #2f81f7; } .polls { fill: #79b8ff; } .rival { fill: #d29922; }
    .one { stroke: #6e7781; stroke-width: 1; } .grid { stroke: #6e7781; stroke-opacity: 0.25; }
    @media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }`

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** Bars of run time per program, ratio to the plain module. */
export function drawPicture(timed: readonly Timed[], node: string): string {
  const measured = timed.filter((each) => each.node.name === node)
  const highest = Math.max(2, ...measured.flatMap((each) => series.map(({ variant }) => ratio(each, variant) ?? 0)))
  const limit = Math.ceil(highest * 2) / 2
  const width = Math.ceil(left + limit * scale + 60)
  const height = headHeight + measured.length * rowHeight + 30
  const bottom = height - 26
  const x = (value: number) => (left + value * scale).toFixed(1)
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Run time per program">`,
    `  <style>${style}\n  </style>`,
    `  <text class="title" x="12" y="22">Run time, ratio to the unmodified module (${escaped(node)}; shorter is better)</text>`,
  ]
  series.forEach(({ label, colour }, i) => {
    lines.push(
      `  <rect class="${colour}" x="${left + i * 175}" y="34" width="12" height="12" rx="2"/>`,
      `  <text x="${left + i * 175 + 18}" y="44">${label}</text>`,
    )
  })
  for (let tick = 0; tick <= limit; tick += 0.5) {
    const at = x(tick)
    lines.push(
      `  <line class="${tick === 1 ? 'one' : 'grid'}" x1="${at}" x2="${at}" y1="${headHeight - 6}" y2="${bottom}"/>`,
      `  <text class="value" x="${at}" y="${bottom + 14}" text-anchor="middle">${tick}</text>`,
    )
  }
  measured.forEach((each, row) => {
    const top = headHeight + row * rowHeight
    lines.push(
      `  <text x="${left - 10}" y="${top + 1.5 * barHeight + 6}" text-anchor="end">${escaped(each.workload.name)}</text>`,
    )
    series.forEach(({ variant, colour }, i) => {
      const value = ratio(each, variant)
      if (value === undefined) return
      const y = top + i * (barHeight + 1)
      lines.push(
        `  <rect class="${colour}" x="${left}" y="${y}" width="${(value * scale).toFixed(1)}" height="${barHeight}" rx="2"/>`,
        `  <text class="value" x="${(left + value * scale + 4).toFixed(1)}" y="${y + 9}">${value.toFixed(2)}</text>`,
      )
    })
  })
  return `${lines.join('\n')}\n</svg>\n`
}

const ratio = (timed: Timed, variant: (typeof series)[number]['variant']): number | undefined =>
  timed.times[variant] === undefined ? undefined : medianRatio(timed, variant)
