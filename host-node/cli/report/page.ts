import { causeClass } from '../../../runtime/inspect/causes.ts'
import { callGroups } from '../../../runtime/log/timeline.ts'
import type { LogCheckpoint } from '../../../runtime/store/session-log.ts'
import { formatSize, formatTime, plural } from '../format.ts'
import { totals } from '../log/print-stats.ts'
import { chart } from './chart.ts'
import type { ReportContent } from './collect.ts'
import { type Content, Html, html, nothing } from './html.ts'
import { style } from './style.ts'
import { callLists, checkpointTable, functionTable } from './tables.ts'

export interface PageOptions {
  /** What is to be said of the log's end, a sentence each; `isWhole` where nothing is missing. */
  readonly remarks: readonly string[]
  readonly isWhole: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** A page that needs nothing from elsewhere: no script, no picture, no network. */
export function reportPage(content: ReportContent, options: PageOptions): string {
  const { log, statistics, failures } = content
  const { counted, bytes } = statistics
  const { input, output } = totals(counted)
  const facts: readonly (readonly [string, string, string?])[] = [
    ['calls', counted.calls.toLocaleString('en-US')],
    ['failed', counted.failed.toLocaleString('en-US'), failures.count > 0 ? 'bad' : ''],
    ['checkpoints', log.checkpoints.length.toLocaleString('en-US')],
    ['log', formatSize(bytes)],
    ['payloads', formatSize(input + output)],
    ['bytes a call, median', String(counted.median)],
  ]
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${log.session}: what it called</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#functions">Skip to the tables</a>
<header>
<h1>${log.session}</h1>
${about(content, options.now)}
</header>
<main>
<dl class="facts">${facts.map(([name, value, kind = '']) => html`<div class="${kind}"><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${remarks(options)}
<section aria-labelledby="timeline">
<h2 id="timeline">Over the calls</h2>
${counted.calls === 0 ? html`<p>No call was made.</p>` : figure(content)}
</section>
${checkpointTable(log.checkpoints)}
${functionTable(content)}
${callLists(content)}
</main>
<footer>Made by stasis on ${formatTime(options.now)}. The page is complete: it loads nothing.</footer>
</body>
</html>
`
  return page.text
}

function about({ log, statistics, start }: ReportContent, now: number): Html {
  const newest: LogCheckpoint | undefined = log.checkpoints.at(-1)
  const { module } = newest ?? start ?? {}
  const rows: readonly (readonly [string, Content])[] = [
    [
      'module',
      module === undefined
        ? 'unknown: no checkpoint tells it'
        : html`${module.name}, ${formatSize(module.size)} <code class="soft">sha256 ${module.sha256.slice(0, 16)}…</code>`,
    ],
    [
      'run',
      html`<code>${log.run}</code>, ${plural(statistics.counted.calls, 'call')} in ${plural(log.segments.length, 'log file')}`,
    ],
    ...(start === undefined ? [] : [['began', `${formatTime(start.time)}${endOf(start.ended)}`] as const]),
    ['newest checkpoint', newest === undefined ? 'none' : `${formatTime(newest.time)} (${newest.cause})`],
    ['as of', formatTime(now)],
  ]
  return html`<dl class="about">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
}

const endOf = (code: number | null | undefined) => (code == null ? '' : `; ended with exit code ${code}`)

function remarks({ remarks, isWhole }: PageOptions): Html {
  if (remarks.length === 0) return nothing
  const text = remarks.map((remark) => html`<p>${remark}</p>`)
  return isWhole ? html`<div class="soft">${text}</div>` : html`<div class="notice" role="note">${text}</div>`
}

function figure(content: ReportContent): Html {
  const { timeline, log } = content
  const used = callGroups.filter((_, i) => timeline.buckets.some(({ calls }) => calls[i]! > 0))
  const causes = [...new Set(log.checkpoints.map(({ cause }) => cause))]
  const groups = used.map(
    (group) =>
      html`<li><svg width="12" height="12" aria-hidden="true"><rect class="group-${group}" width="12" height="12" rx="2"/></svg>${groupNames[group]}</li>`,
  )
  const marks = causes
    .slice(0, 20)
    .map(
      (cause) =>
        html`<li><svg class="${causeClass(cause)}" width="12" height="12" aria-hidden="true"><circle class="dot" cx="6" cy="6" r="6"/></svg>checkpoint: ${cause}</li>`,
    )
  const failed =
    content.failures.count > 0
      ? html`<li><svg width="12" height="12" aria-hidden="true"><rect class="failed" width="12" height="12" rx="2"/></svg>failed</li>`
      : nothing
  return html`<figure>
${chart(content)}
<figcaption><ul class="legend">${[...groups, failed, ...marks]}</ul></figcaption>
</figure>`
}

const groupNames = {
  reading: 'reading',
  writing: 'writing',
  files: 'files and directories',
  waiting: 'waiting',
  time: 'time and chance',
  sockets: 'sockets',
  program: 'arguments, environment, exit',
  host: 'functions of the host',
} as const
