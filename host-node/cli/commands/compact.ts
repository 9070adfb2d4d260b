import { listSessions } from '../../../runtime/store/checkpoints.ts'
import { compactSession } from '../../../runtime/store/gc.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { unknownSession } from '../look-up.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { codecOption, jsonOption, storeOption } from '../session-options.ts'
import { withLock } from '../with-lock.ts'

export const compactCommand = defineCommand({
  name: 'compact',
  summary: 'Write a session’s checkpoint file anew, without what no version needs.',
  operands: 'NAME',
  count: [1, 1],
  description: [
    'The fresh file takes the place of the old one at once: whatever happens, it is the one or the other. Versions keep ' +
      'their numbers. It happens by itself when versions are removed and more than half of the file is of no use. With --codec pages are ' +
      'kept in another way; otherwise as they were.',
  ],
  options: { store: storeOption, ...encryptionOptions, codec: codecOption, json: jsonOption },
  examples: [
    { line: 'stasis compact calc', does: 'after some of its versions were removed' },
    { line: 'stasis compact calc --codec deflate', does: 'as small as it gets' },
  ],
  run: async ({ values, operands, terminal }) => {
    const name = operands[0] as string
    const store = await openPlace(values)
    const sessions = await listSessions(store)
    if (!sessions.some((session) => session.name === name)) throw unknownSession(name, sessions)
    const { before, after } = await withLock(store, name, () => compactSession(store, name, values))
    if (values.json) terminal.out(JSON.stringify({ name, before, after }))
    else terminal.out(`${name}: ${formatSize(before)} before, ${formatSize(after)} now.`)
    return 0
  },
})
