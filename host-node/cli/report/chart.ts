/**
 * The picture of a session: calls by what they are about, failures, bytes moved and checkpoints, over the numbers of the
 * calls. Places along the numbers are percentages, so that texts keep their size whatever the width.
 */
import { causeClass } from '../../../runtime/inspect/causes.ts'
import { type Bucket, callGroups } from '../../../runtime/log/timeline.ts'
import { formatSize, formatTime } from '../format.ts'
import type { ReportContent } from './collect.ts'
import { type Content, type Html, html, nothing } from './html.ts'

/** Heights and places in pixels. */
const marks = { top: 12, radius: 8, small: 3, smallTop: 27 }
const bars = { top: 34, height: 120 }
const failures = { top: 156, height: 12 }
/** Read upwards and written downwards from a line in the middle. */
const bytes = { top: 190, height: 120 }
const bottom = bytes.top + bytes.height
const height = bottom + 20
/** Marks that are drawn at most, and the least distance in percent of two numbers that can both be read. */
const maxMarks = 300
const labelDistance = 4.5

const count = (value: number) => value.toLocaleString('en-US')

export function chart(content: ReportContent): Html {
  const { timeline, first, end } = content
  const { buckets, width } = timeline
  const total = buckets.length * width
  const most = Math.max(1, ...buckets.map(({ read, written }) => Math.max(read, written)))
  const percent = (call: number) => `${round((100 * (call - first)) / total)}%`
  // Nothing but what is counted here is on the picture: the last bucket may be wider than what is in it.
  return html`<svg class="chart" width="100%" height="${height}" role="img" aria-labelledby="chart-title chart-text">
<title id="chart-title">Calls, bytes and checkpoints</title>
<desc id="chart-text">${description(content, most)}</desc>
<svg y="${bars.top}" width="100%" height="${bars.height}" viewBox="0 0 ${buckets.length} 100" preserveAspectRatio="none" shape-rendering="crispEdges">${stacks(buckets, width)}</svg>
<svg y="${failures.top}" width="100%" height="${failures.height}" viewBox="0 0 ${buckets.length} 1" preserveAspectRatio="none"><path class="failed" d="${failurePath(buckets, width)}"/></svg>
<svg y="${bytes.top}" width="100%" height="${bytes.height}" viewBox="0 0 ${buckets.length} 200" preserveAspectRatio="none" shape-rendering="crispEdges"><path class="group-reading" d="${area(buckets, 'read', -1, most)}"/><path class="group-writing" d="${area(buckets, 'written', 1, most)}"/></svg>
<line class="axis" x1="0" x2="100%" y1="${bytes.top + bytes.height / 2}" y2="${bytes.top + bytes.height / 2}"/>
<line class="grid" x1="0" x2="100%" y1="${bytes.top}" y2="${bytes.top}"/>
<line class="grid" x1="0" x2="100%" y1="${bottom}" y2="${bottom}"/>
<text x="0" y="${bytes.top - 5}">bytes read ▲ and written ▼</text>
<text x="100%" y="${bytes.top - 5}" text-anchor="end">${formatSize(most)} in ${width === 1 ? 'a call' : `${count(width)} calls`}</text>
<text x="0" y="${height - 4}">${count(first)}</text>
<text x="50%" y="${height - 4}" text-anchor="middle">call number</text>
<text x="100%" y="${height - 4}" text-anchor="end">${count(end - 1)}</text>
${buckets.map((bucket, i) => hover(bucket, i, content))}
${checkpointMarks(content, percent, end)}
</svg>`
}

const round = (value: number) => Number(value.toFixed(3))

/** One path a group, of one rectangle a bucket. */
function stacks(buckets: readonly Bucket[], width: number): Content {
  const bases = buckets.map(() => 0)
  return callGroups.map((group, number) => {
    const path = buckets.map(({ calls }, i) => {
      const height = (100 * calls[number]!) / width
      if (height === 0) return ''
      bases[i]! += height
      return `M${i} ${round(100 - bases[i]!)}h1v${round(height)}h-1z`
    })
    const d = path.join('')
    return d === '' ? nothing : html`<path class="group-${group}" d="${d}"/>`
  })
}

/** Which part of a bucket's calls failed, downwards; a single one is seen too. */
function failurePath(buckets: readonly Bucket[], width: number): string {
  const height = (failed: number) => round(Math.min(1, Math.max(0.3, failed / width)))
  return buckets.map(({ failed }, i) => (failed > 0 ? `M${i} 0h1v${height(failed)}h-1z` : '')).join('')
}

/** From the line in the middle at 100; a bucket's bytes belong to all of it. */
function area(buckets: readonly Bucket[], way: 'read' | 'written', direction: 1 | -1, most: number): string {
  return buckets
    .map((bucket, i) => {
      // Few bytes are seen too.
      const length = bucket[way] === 0 ? 0 : Math.max(2, (100 * bucket[way]) / most)
      return length === 0 ? '' : `M${i} 100h1v${round(direction * length)}h-1z`
    })
    .join('')
}

/** An area that tells, when pointed at, what is in a bucket. */
function hover(bucket: Bucket, index: number, { timeline, first, end }: ReportContent): Html {
  const { buckets, width } = timeline
  const from = first + index * width
  const to = Math.min(end, from + width) - 1
  const groups = callGroups.flatMap((group, i) => (bucket.calls[i]! > 0 ? [`${group} ${count(bucket.calls[i]!)}`] : []))
  const lines = [
    from === to ? `call ${count(from)}` : `calls ${count(from)} to ${count(to)}`,
    groups.join(', ') || 'not in this log',
    `read ${formatSize(bucket.read)}, written ${formatSize(bucket.written)}`,
    ...(bucket.failed > 0 ? [`${count(bucket.failed)} failed`] : []),
  ]
  const [x, w] = [round((100 * index) / buckets.length), round(100 / buckets.length)]
  return html`<rect class="hover" x="${x}%" width="${w}%" y="${bars.top}" height="${bottom - bars.top}"><title>${lines.join('; ')}</title></rect>`
}

function checkpointMarks({ log }: ReportContent, percent: (call: number) => string, end: number): Content {
  const all = log.checkpoints.filter(({ calls }) => calls <= end)
  const step = Math.ceil(all.length / maxMarks)
  const drawn = all.filter((_, i) => i % step === 0)
  let labelled = Number.NEGATIVE_INFINITY
  const [large, small]: [Html[], Html[]] = [[], []]
  for (const { version, calls, cause, label, time } of drawn) {
    const x = percent(calls)
    const at = Number.parseFloat(x)
    const isLarge = at - labelled >= labelDistance
    if (isLarge) labelled = at
    const name = `checkpoint ${version} (${cause})${label === undefined ? '' : ` “${label}”`}`
    const title = `${name}, before call ${count(calls)}, ${formatTime(time)}`
    const { top, radius, smallTop } = marks
    const head = isLarge
      ? html`<circle cx="${x}" cy="${top}" r="${radius}"/><text x="${x}" y="${top + 4}" text-anchor="middle">${version}</text>`
      : html`<circle cx="${x}" cy="${smallTop}" r="${marks.small}"/>`
    const line = html`<line x1="${x}" x2="${x}" y1="${isLarge ? top : smallTop}" y2="${bottom}"/>`
    const mark = html`<g class="checkpoint ${causeClass(cause)}"><title>${title}</title>${line}${head}</g>`
    if (isLarge) large.push(mark)
    else small.push(mark)
  }
  return [small, large]
}

function description({ log, statistics, timeline }: ReportContent, most: number): string {
  const { calls, failed } = statistics.counted
  const groups = callGroups.flatMap((group, i) => {
    const sum = timeline.buckets.reduce((all, bucket) => all + bucket.calls[i]!, 0)
    return sum > 0 ? [`${group} ${count(sum)}`] : []
  })
  return (
    `${count(calls)} calls in pieces of ${count(timeline.width)}: ${groups.join(', ')}; ${count(failed)} failed. ` +
    `${log.checkpoints.length} checkpoints. At most ${formatSize(most)} were read or written in a piece. ` +
    'The tables below have the same in words.'
  )
}
