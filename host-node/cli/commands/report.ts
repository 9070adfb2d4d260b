import { writeFileSync } from 'node:fs'
import { checkSessionName } from '../../../runtime/store/address.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { otherRuns, tailText } from '../log/end-text.ts'
import { openLog } from '../log/open-log.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { value } from '../options.ts'
import { collectReport } from '../report/collect.ts'
import { reportPage } from '../report/page.ts'
import { systemCause } from '../report-error.ts'
import { storeOption } from '../session-options.ts'
import { UsageError } from '../usage-error.ts'
import { text } from '../values.ts'
import { runOption } from './log.ts'

export const reportCommand = defineCommand({
  name: 'report',
  summary: 'Make a page of what a session has called.',
  operands: 'NAME',
  count: [1, 1],
  description: [
    'One HTML file with a picture of calls, bytes and checkpoints, a table of functions, the first, the last and the ' +
      'failed calls. It has no script and loads nothing, so it can be mailed and looked at anywhere.',
  ],
  options: {
    output: { ...value('FILE', 'Where the page goes; "-" is stdout.', text), short: 'o' },
    run: runOption,
    store: storeOption,
    ...encryptionOptions,
  },
  examples: [
    { line: 'stasis report calc -o calc.html', does: 'a page to look at in a browser' },
    { line: 'stasis report calc -o - | gzip > calc.html.gz', does: 'the same to a pipe' },
  ],
  run: async ({ values, operands, terminal }) => {
    const name = checkSessionName(operands[0] as string)
    const file = values.output
    if (file === undefined) throw new UsageError('Say where the page goes: -o FILE, or -o - for stdout.', 'report')
    const store = await openPlace(values)
    const { log, owner } = await openLog(store, name, values.run)
    const content = await collectReport(store, log)
    const { tail, last, error, gaps } = content.statistics
    const remarks = [
      error === undefined ? tailText(tail, store.locate(last.blob), owner) : error.message,
      ...gaps.map(({ from, to }) => `Calls ${from} to ${to - 1} are not in this log.`),
      ...otherRuns(log),
    ]
    const isWhole = error === undefined && tail.kind === 'complete' && gaps.length === 0
    const page = reportPage(content, { remarks, isWhole, now: Date.now() })
    if (file === '-') terminal.out(page.trimEnd())
    else {
      writePage(file, page)
      terminal.out(`The report of ${name} is in ${file} (${formatSize(Buffer.byteLength(page))}).`)
    }
    if (error !== undefined) throw error
    return 0
  },
})

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page)
  } catch (error) {
    throw new StasisError('STASIS_FILE', `Cannot write the report ${file}: ${systemCause(error)}.`, { path: file })
  }
}
