import { CallFilter } from '../../../runtime/log/call-filter.ts'
import { checkSessionName } from '../../../runtime/store/address.ts'
import { defineCommand } from '../command.ts'
import { openLog } from '../log/open-log.ts'
import { printCalls } from '../log/print-calls.ts'
import { printStats } from '../log/print-stats.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { flag, grouped, list, value } from '../options.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { UsageError } from '../usage-error.ts'
import { parseIndex, parseRun, text } from '../values.ts'

const filters = grouped('Which calls', {
  call: list('NAME', 'Only functions of this name; "*" stands for any letters: fd_*.', text),
  fd: list('NUMBER', 'Only calls with this descriptor, and those that opened it.', parseIndex),
  path: list(
    'PATTERN',
    'Only calls about such a file, by its name or by a descriptor: "*.txt" in any directory, "/data/**" below one.',
    text,
  ),
  from: value('N', 'From call N on.', parseIndex),
  to: value('N', 'Up to call N.', parseIndex),
  failed: flag('Only calls that returned an error.'),
})

export const runOption = value('ID', 'Another run of the session, by the eight digits that are told.', parseRun)

export const logCommand = defineCommand({
  name: 'log',
  summary: 'Show the calls that a session has made.',
  operands: 'NAME',
  count: [1, 1],
  description: [
    'One line a call: its number, what was asked, and what came back, with checkpoints where they stand. The session may ' +
      'be running, suspended, or killed. Of options that choose calls all must hold; of several of one kind, one.',
    'A call that had begun and never came back ends in "= ?". What was not written whole at the end is left out and told ' +
      'on stderr.',
  ],
  options: {
    follow: flag('Go on while the session runs; Ctrl-C ends it.', 'f'),
    stats: flag('Count instead: calls, failures and bytes by function.'),
    ...filters,
    run: runOption,
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis log calc', does: 'every call from the first one on' },
    { line: 'stasis log calc --follow --failed', does: 'watch what goes wrong while it runs' },
    { line: 'stasis log calc --path "*.csv" --call "fd_*"', does: 'reads and writes of these files' },
    { line: 'stasis log calc --stats', does: 'which functions are called how often' },
    { line: 'stasis log calc --json | jq -r .name', does: 'an object a line, for scripts' },
  ],
  run: async ({ values, operands, terminal }) => {
    const name = checkSessionName(operands[0] as string)
    const { call: names, fd: fds, path: paths, from, to, failed, follow, json } = values
    const filter = new CallFilter({
      names,
      fds,
      paths,
      failed,
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    })
    if (from !== undefined && to !== undefined && from > to) {
      throw new UsageError(`--from ${from} is behind --to ${to}.`, 'log')
    }
    if (values.stats && (filter.isSelective || from !== undefined || to !== undefined || follow)) {
      throw new UsageError('--stats counts the whole log; leave out --follow and what chooses calls.', 'log')
    }
    const store = await openPlace(values)
    const found = await openLog(store, name, values.run, follow)
    if (!values.stats) return printCalls(store, found, { filter, follow, json }, terminal)
    await printStats(store, found, json, terminal)
    return 0
  },
})
