import { listSessions } from '../../../runtime/store/checkpoints.ts'
import { type Collected, collectGarbage } from '../../../runtime/store/gc.ts'
import { retentionOf } from '../begin-session.ts'
import { defineCommand } from '../command.ts'
import { formatSize, plural } from '../format.ts'
import { unknownSession } from '../look-up.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { value } from '../options.ts'
import { jsonOption, retentionOptions, storeOption } from '../session-options.ts'
import { parseCount } from '../values.ts'
import { withLock } from '../with-lock.ts'

export const gcCommand = defineCommand({
  name: 'gc',
  summary: 'Remove versions that are not wanted any more, and what no version needs.',
  operands: '[NAME]',
  count: [0, 1],
  description: [
    'Of the session NAME, or of all that are not running: removes the versions that --keep, --keep-for and --thin do not ' +
      'keep, each version being kept that one of them keeps, and the newest always. Without these options no version goes. ' +
      'Then pages that no version needs are dropped, and modules that no session needs.',
  ],
  options: {
    keep: value('N', 'Keep the newest N versions.', parseCount),
    ...retentionOptions,
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis gc', does: 'what is of no use in this directory’s store' },
    { line: 'stasis gc --keep 3 --thin calc', does: 'the newest three, and of older ones one an hour or a day' },
  ],
  run: async ({ values, operands: [name], terminal }) => {
    const store = await openPlace(values)
    const sessions = await listSessions(store)
    const chosen = sessions.filter((session) =>
      name === undefined ? session.owner === undefined : session.name === name,
    )
    if (name !== undefined && chosen.length === 0) throw unknownSession(name, sessions)
    const rules = retentionOf({ ...values, keep: values.keep ?? false })
    const results: (Collected & { readonly name: string })[] = []
    for (const session of chosen) {
      const collected = await withLock(store, session.name, () =>
        collectGarbage(store, session.name, rules, Date.now()),
      )
      results.push({ name: session.name, ...collected })
    }
    if (values.json) terminal.out(JSON.stringify({ sessions: results }))
    else
      for (const { name, removed, before, after } of results) {
        const what = removed.length > 0 ? `${plural(removed.length, 'version')} removed, ` : ''
        terminal.out(`${name}: ${what}${formatSize(before)} before, ${formatSize(after)} now.`)
      }
    return 0
  },
})
