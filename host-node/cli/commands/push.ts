import { checkSessionName } from '../../../runtime/store/address.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { openPlace, placeOf } from '../open-place.ts'
import { flag, value } from '../options.ts'
import { localPeer, parseServerTarget, retrying, tokenOf, transferOptions } from '../transfer-options.ts'
import { progressLine } from '../transfer-progress.ts'
import { text } from '../values.ts'

export const pushCommand = defineCommand({
  name: 'push',
  summary: 'Copy a session to a server, sending only what is not there yet.',
  operands: 'NAME URL[/NAME]',
  count: [2, 2],
  description: [
    'The server is a "stasis serve". The session stays this store’s to run; the copy there can be looked at, forked, and ' +
      'brought up to date by another push. "stasis migrate" hands over the right to run it too.',
    'Of a session that runs a checkpoint is taken and copied while it goes on. What had arrived when a connection broke ' +
      'is not sent again.',
  ],
  options: {
    as: value('NAME', 'What it is called there.', text),
    force: flag('Replace another session of that name there.'),
    ...transferOptions,
  },
  examples: [
    { line: 'stasis push calc http://box:8642', does: 'copy calc to the machine box' },
    { line: 'stasis push calc http://box:8642/calc-2', does: 'under another name' },
  ],
  run: async ({ values, operands, terminal }) => {
    const name = checkSessionName(operands[0] as string)
    const { server, as } = parseServerTarget(operands[1] as string, name, values.as)
    const place = placeOf(values)
    const store = await openPlace(values)
    const progress = progressLine(name, terminal)
    const { send } = await import('../../transfer/send.ts')
    const { rounds } = await send(store, name, server, {
      storeId: place.id,
      token: tokenOf(values.token),
      as,
      force: values.force,
      move: undefined,
      here: localPeer(name, place),
      onProgress: progress.show,
      onRetry: retrying(terminal, values.json),
    }).finally(progress.clear)
    const { changed = 0, sent = 0, total = 0 } = rounds.at(-1) ?? {}
    if (values.json) terminal.out(JSON.stringify({ name, url: `${server}/${as}`, changed, sent, total }))
    else terminal.out(`${server}/${as} is a copy of ${name} (${formatSize(total)}; ${formatSize(sent)} were sent).`)
    return 0
  },
})
