import { defineCommand } from '../command.ts'
import { printable } from '../format.ts'
import { flag } from '../options.ts'
import { tokenOption } from '../session-options.ts'
import { tell } from '../supervise.ts'
import { filesOption, parseSessionTarget, tokenOf } from '../transfer-options.ts'

export const attachCommand = defineCommand({
  name: 'attach',
  summary: 'Connect this terminal to a session that runs on a server.',
  operands: 'URL/NAME',
  count: [1, 1],
  description: [
    'Shows what was on the session’s screen, and then what it writes. The first one who attaches types; others look on. ' +
      'Ctrl-] leaves, and the session goes on. The exit code is the program’s when it ends meanwhile, and 0 after Ctrl-].',
  ],
  options: {
    start: flag('Run it on the server first, where it is held suspended.'),
    files: filesOption,
    'read-only': flag('Look on, and leave the typing to others.'),
    token: tokenOption,
  },
  examples: [{ line: 'stasis attach http://box:8642/calc', does: 'see calc, and type' }],
  run: async ({ values, operands, terminal }) => {
    const { server, session } = parseSessionTarget(operands[0] as string, 'attach')
    const { attach } = await import('../../attach/attach.ts')
    const end = await attach(server, session, {
      token: tokenOf(values.token),
      start: values.start,
      files: values.files ?? 'refuse',
      write: !values['read-only'],
      onAttached: (writer) => {
        if (!terminal.interactive) return
        tell(`${session} on ${server}. Ctrl-] leaves${writer ? '' : '; somebody else types'}.`, terminal)
      },
    })
    if (end.kind === 'detached') {
      if (terminal.interactive) terminal.err('')
      tell(`${session} goes on. Back to it: stasis attach ${operands[0]}`, terminal)
      return 0
    }
    if (end.code < 256) return end.code
    tell(`${session} ${printable(end.reason)}.`, terminal)
    return 75
  },
})
