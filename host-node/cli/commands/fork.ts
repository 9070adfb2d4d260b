import { checkSessionName, formatAddress, parseAddress } from '../../../runtime/store/address.ts'
import { Session } from '../../sessions.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { lookUp } from '../look-up.ts'
import { overlaysOf, shellJoin } from '../mounts.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { programWords } from '../program-name.ts'
import { reportEvents } from '../report-events.ts'
import { dirOption, jsonOption, storeOption } from '../session-options.ts'

export const forkCommand = defineCommand({
  name: 'fork',
  summary: 'Make a session of its own of any state of another one.',
  operands: 'NAME[@VERSION] NEW',
  count: [2, 2],
  description: [
    'NEW gets one checkpoint: that version of NAME, or without a version where NAME was last, by its call log. NAME stays as ' +
      'it is. Both go on independently; the files in granted directories are not copied. For a state between two ' +
      'checkpoints: "stasis replay NAME --goto CALL --save NEW". Directories below overlays have to be granted.',
  ],
  options: { dir: dirOption, store: storeOption, ...encryptionOptions, json: jsonOption },
  examples: [
    { line: 'stasis fork calc what-if', does: 'where calc was last, as a session of its own' },
    { line: 'stasis fork calc@-1 what-if', does: 'the checkpoint before the newest' },
  ],
  run: async ({ values, operands, terminal }) => {
    const address = parseAddress(operands[0] as string)
    const name = checkSessionName(operands[1] as string)
    const place = placeOf(values)
    const store = await openPlace(values)
    const session = await lookUp(store, address.name, () =>
      Session.fork(store, formatAddress(address), name, {
        onEvent: reportEvents(terminal),
        mounts: overlaysOf(values.dir),
      }),
    )
    if (values.json) terminal.out(JSON.stringify({ name, version: session.version, size: session.size }))
    else {
      const words = shellJoin([...programWords(), 'restore', name, ...place.words])
      terminal.out(`${name} has its first checkpoint (${formatSize(session.size)}), at call ${session.calls}.`)
      terminal.out(`Resume with: ${terminal.style('bold', words)}`)
    }
    return 0
  },
})
