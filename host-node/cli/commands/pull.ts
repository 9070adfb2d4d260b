import { checkSessionName } from '../../../runtime/store/address.ts'
import type { Store } from '../../../runtime/store/store.ts'
import type { FilesWay } from '../../../runtime/transfer/mount-fates.ts'
import { checkRestore, prepareStandby, Session } from '../../sessions.ts'
import type { PullOptions } from '../../transfer/receive.ts'
import { sessionOptions, superviseOptions } from '../begin-session.ts'
import { defineCommand } from '../command.ts'
import { checkMounts } from '../inputs.ts'
import { shellJoin } from '../mounts.ts'
import { openPlace, placeOf } from '../open-place.ts'
import { flag, value } from '../options.ts'
import { programWords } from '../program-name.ts'
import { dirOption, importOption, logOptions, snapshotOptions } from '../session-options.ts'
import { supervise } from '../supervise.ts'
import type { Terminal } from '../terminal.ts'
import { filesOption, localPeer, parseSessionTarget, retrying, tokenOf, transferOptions } from '../transfer-options.ts'
import { progressLine } from '../transfer-progress.ts'
import { UsageError } from '../usage-error.ts'
import { text } from '../values.ts'

export const pullCommand = defineCommand({
  name: 'pull',
  summary: 'Fetch a session from a server, as a copy or to go on with it here.',
  operands: 'URL/NAME',
  count: [1, 1],
  description: [
    'Without --take a copy comes, and the session stays the server’s to run; "stasis fork" makes a session of its own of a ' +
      'copy. With --take the right to run it comes too: one that runs there is copied while it runs, stopped for the rest, ' +
      'and can be restored here.',
    'With --start it goes on here at once, with --dir and the other options of "stasis restore": it is made ready here ' +
      'while it still runs there, so that it stands still for less long, and it is not stopped if it could not go on here.',
  ],
  options: {
    take: flag('Take over the right to run it.'),
    start: flag('Take it over, and go on with it here at once.'),
    as: value('NAME', 'What it is called here.', text),
    force: flag('Replace another session of that name here.'),
    dir: dirOption,
    import: importOption,
    files: filesOption,
    ...transferOptions,
    ...snapshotOptions,
    ...logOptions,
  },
  examples: [
    { line: 'stasis pull http://box:8642/calc', does: 'a copy' },
    { line: 'stasis pull --take http://box:8642/calc', does: 'to go on with it here later: stasis restore calc' },
    { line: 'stasis pull --start http://box:8642/calc --dir ./data::/data', does: 'go on with it here' },
  ],
  run: async ({ values, operands, terminal }) => {
    const { server, session } = parseSessionTarget(operands[0] as string, 'pull')
    const name = checkSessionName(values.as ?? session)
    const place = placeOf(values)
    if (!values.start && (values.dir.length > 0 || values.import.length > 0 || values.files !== undefined)) {
      throw new UsageError('--dir, --import and --files are for a session that goes on here: with --start.', 'pull')
    }
    checkMounts(values.dir)
    const store = await openPlace(values)
    const progress = progressLine(name, terminal)
    const options: PullOptions = {
      token: tokenOf(values.token),
      as: name,
      take: values.take || values.start,
      force: values.force,
      here: localPeer(name, place),
      onProgress: progress.show,
      onRetry: retrying(terminal, values.json),
    }
    if (values.start) {
      const preparing = `Fetching ${session}…`
      return supervise(
        () => takeAndRun(store, session, server, options, values, terminal).finally(progress.clear),
        superviseOptions(values, { module: name, place, store, terminal, preparing }),
      )
    }
    const { pull } = await import('../../transfer/receive.ts')
    const { state } = await pull(store, session, server, options).finally(progress.clear)
    if (values.json) terminal.out(JSON.stringify({ name, state }))
    else if (state === 'copy') terminal.out(`${name} is a copy of ${server}/${session}.`)
    else {
      terminal.out(`${name} has moved here.`)
      const words = shellJoin([...programWords(), 'restore', name, ...place.words])
      terminal.out(`Resume with: ${terminal.style('bold', words)}`)
    }
    return 0
  },
})

async function takeAndRun(
  store: Store,
  session: string,
  server: string,
  options: PullOptions,
  values: Parameters<typeof sessionOptions>[0] & { readonly files: FilesWay | undefined },
  terminal: Terminal,
): Promise<Session> {
  const { pullAndRun } = await import('../../transfer/receive.ts')
  const { files = 'refuse', dir } = values
  const own = { imports: Object.fromEntries(values.import), ...sessionOptions(values, terminal) }
  return pullAndRun(store, session, server, options, {
    ...{ grants: dir, files },
    check: (view, name) => checkRestore(view, name, dir, files),
    // What is to be put back comes with a checkpoint.
    ...(files !== 'restore' && { standBy: (name) => prepareStandby(store, name, own) }),
    restore: (name) => Session.restore(store, name, { ...own, files }),
  })
}
