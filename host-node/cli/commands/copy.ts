import { checkSessionName } from '../../../runtime/store/address.ts'
import { type CopyProgress, copySession } from '../../../runtime/store/copy-session.ts'
import { defineCommand } from '../command.ts'
import { formatSize, plural } from '../format.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { flag, value } from '../options.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import type { Terminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { text } from '../values.ts'

export const copyCommand = defineCommand({
  name: 'copy',
  summary: 'Copy a session into another store.',
  operands: 'NAME',
  count: [1, 1],
  description: [
    'Copies all of a session that does not run: its versions, its call log and its modules. The copy is restored from ' +
      'there like the session from here; only one of the two should go on under that identity.',
    'What is there already and equal is not written again: after an interruption the same command finishes the copy.',
  ],
  options: {
    to: value('URL', 'The other store: a directory, file:DIR, or sqlite:FILE.', text),
    as: value('NEW', 'Its name there. Default: the same.', checkSessionName),
    force: flag('Replace another session of that name.'),
    'to-encrypt': flag('Make the other store an encrypted one, if it is new.'),
    'to-key-file': value('FILE', 'The key of the other store. Default: a passphrase, as with --key-file.', text),
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis copy calc --to sqlite:backup.db', does: 'into a database' },
    { line: 'stasis copy calc --to . --as calc-2', does: 'under another name, into a store in this directory' },
  ],
  run: async ({ values, operands, terminal }) => {
    const name = checkSessionName(operands[0] as string)
    if (values.to === undefined) throw new UsageError('Say where to: --to sqlite:FILE or --to DIR.', 'copy')
    const from = placeOf(values)
    const target = { store: values.to, encrypt: values['to-encrypt'], 'key-file': values['to-key-file'] }
    const to = placeOf(target)
    if (from.id === to.id && (values.as ?? name) === name)
      throw new UsageError('That is the same store. Give the copy another name with --as.', 'copy')
    const report = await copySession(await openPlace(values), name, await openPlace(target), {
      force: values.force,
      ...(values.as !== undefined && { as: values.as }),
      onProgress: showProgress(terminal),
    })
    for (const module of report.missing)
      terminal.err(`The store has no ${module}: to restore the copy, give the module with --module.`)
    if (values.json) terminal.out(JSON.stringify(report))
    else {
      const there = report.present > 0 ? `, ${report.present} were there already` : ''
      terminal.out(`${report.name}: ${plural(report.copied, 'blob')} copied (${formatSize(report.bytes)})${there}.`)
    }
    return 0
  },
})

/** One line, drawn again, where a person watches. */
function showProgress(terminal: Terminal): (progress: CopyProgress) => void {
  if (!terminal.interactive) return () => undefined
  return ({ done, total }) => {
    const percent = total === 0 ? 100 : Math.floor((done * 100) / total)
    process.stderr.write(`\rCopying: ${percent} % of ${formatSize(total)}${done === total ? '\n' : ''}`)
  }
}
