import { checkSessionName } from '../../../runtime/store/address.ts'
import { defineCommand } from '../command.ts'
import { shellJoin } from '../mounts.ts'
import { openPlace, placeOf } from '../open-place.ts'
import { flag, value } from '../options.ts'
import { programWords } from '../program-name.ts'
import { localPeer, parseSessionTarget, retrying, tokenOf, transferOptions } from '../transfer-options.ts'
import { progressLine } from '../transfer-progress.ts'
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
  ],
  options: {
    take: flag('Take over the right to run it.'),
    as: value('NAME', 'What it is called here.', text),
    force: flag('Replace another session of that name here.'),
    ...transferOptions,
  },
  examples: [
    { line: 'stasis pull http://box:8642/calc', does: 'a copy' },
    { line: 'stasis pull --take http://box:8642/calc && stasis restore calc', does: 'go on with it here' },
  ],
  run: async ({ values, operands, terminal }) => {
    const { server, session } = parseSessionTarget(operands[0] as string, 'pull')
    const name = checkSessionName(values.as ?? session)
    const place = placeOf(values)
    const store = await openPlace(values)
    const progress = progressLine(name, terminal)
    const { pull } = await import('../../transfer/receive.ts')
    const { state } = await pull(store, session, server, {
      token: tokenOf(values.token),
      as: name,
      take: values.take,
      force: values.force,
      here: localPeer(name, place),
      onProgress: progress.show,
      onRetry: retrying(terminal, values.json),
    }).finally(progress.clear)
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
