import type { LogCheckpoint } from '../../../runtime/store/session-log.ts'
import { formatSize, formatTime, plural } from '../format.ts'
import { totals } from '../log/print-stats.ts'
import type { CallEnds, ReportContent, ShownCall } from './collect.ts'
import { type Content, type Html, html, nothing } from './html.ts'

/** Rows of a table; a session may have any number of checkpoints. */
const maxRows = 500

const count = (value: number) => value.toLocaleString('en-US')
const sizeCell = (bytes: number) => html`<td class="${bytes === 0 ? 'zero' : ''}">${formatSize(bytes)}</td>`

export function checkpointTable(checkpoints: readonly LogCheckpoint[]): Html {
  if (checkpoints.length === 0) return nothing
  const shown = checkpoints.slice(-maxRows)
  const rows = shown.map(
    ({ version, calls, cause, label, time, size }) =>
      html`<tr><th scope="row">${version}</th><td>${count(calls)}</td><td class="text">${cause}</td><td class="text">${formatTime(time)}</td><td>${formatSize(size)}</td><td class="text label">${label ?? ''}</td></tr>`,
  )
  const note =
    shown.length < checkpoints.length
      ? html`<p class="soft">The newest ${maxRows} of ${checkpoints.length}.</p>`
      : nothing
  return html`<section aria-labelledby="checkpoints">
<h2 id="checkpoints">Checkpoints</h2>
${note}
${scrolling(
  'checkpoints',
  html`<table><thead><tr><th class="text" scope="col">version</th><th scope="col">before call</th><th class="text" scope="col">cause</th><th class="text" scope="col">time</th><th scope="col">size</th><th class="text" scope="col">label</th></tr></thead><tbody>${rows}</tbody></table>`,
)}
</section>`
}

export function functionTable({ statistics }: ReportContent): Html {
  const { counted } = statistics
  const { functions, calls, failed } = counted
  const { logged, input, output } = totals(counted)
  const most = Math.max(1, ...functions.map((one) => one.calls))
  const shown = functions.slice(0, maxRows)
  const rows = shown.map(
    (one) =>
      html`<tr><th scope="row"><code>${one.module.startsWith('wasi_') ? one.name : `${one.module}.${one.name}`}</code></th><td>${count(one.calls)}</td><td class="text share"><span class="bar" style="width:${((100 * one.calls) / most).toFixed(1)}%"></span></td>${failedCell(one.failed)}${sizeCell(one.logged)}${sizeCell(one.input)}${sizeCell(one.output)}</tr>`,
  )
  return html`<section aria-labelledby="functions">
<h2 id="functions" tabindex="-1">Functions</h2>
<p class="soft">A call takes ${counted.median} bytes of the log in the median without its payload, and 95 % take at most ${counted.p95}.${counted.open > 0 ? ` ${plural(counted.open, 'call')} did not end.` : ''}</p>
${scrolling(
  'functions',
  html`<table><thead><tr><th class="text" scope="col">function</th><th scope="col">calls</th><td class="share"></td><th scope="col">failed</th><th scope="col">logged</th><th scope="col">given</th><th scope="col">returned</th></tr></thead><tbody>${rows}</tbody><tfoot><tr><th class="text" scope="row">all</th><td>${count(calls)}</td><td class="share"></td>${failedCell(failed)}${sizeCell(logged)}${sizeCell(input)}${sizeCell(output)}</tr></tfoot></table>`,
)}
</section>`
}

const failedCell = (failed: number) => html`<td class="${failed === 0 ? 'zero' : 'some'}">${count(failed)}</td>`

/** A table may be wider than a phone; who has no mouse scrolls it by its focus. */
const scrolling = (label: string, table: Html): Html =>
  html`<div class="scroll" role="group" aria-labelledby="${label}" tabindex="0">${table}</div>`

export function callLists({ calls, failures }: ReportContent): Html {
  return html`<section aria-labelledby="calls">
<h2 id="calls">Calls</h2>
${failures.count > 0 ? list('Failed calls', failures, true) : html`<p>No call failed.</p>`}
${calls.count > 0 ? list(calls.last.length > 0 ? 'First and last calls' : 'All calls', calls, failures.count === 0) : nothing}
</section>`
}

function list(title: string, { count: all, first, last }: CallEnds, isOpen: boolean): Html {
  const between = all - first.length - last.length
  const gap: Content = between > 0 ? html`<p class="dropped">… ${plural(between, 'call')} more …</p>` : nothing
  return html`<details${isOpen ? html` open` : nothing}>
<summary>${title} (${count(all)})</summary>
${lines(first)}${gap}${last.length > 0 ? lines(last) : nothing}
</details>`
}

const lines = (calls: readonly ShownCall[]): Html =>
  html`<ol class="calls">${calls.map(({ call, text, failed }) => {
    const at = failed ? Math.max(text.lastIndexOf(' = '), text.lastIndexOf(' throws ')) : text.length
    return html`<li><span class="n">${count(call)}</span><span>${text.slice(0, at)}${failed ? html`<span class="bad">${text.slice(at)}</span>` : nothing}</span></li>`
  })}</ol>`
