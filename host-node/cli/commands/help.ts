import { type Command, defineCommand } from '../command.ts'
import { commandHelp, overview } from '../help.ts'
import { didYouMean } from '../suggest.ts'
import { UsageError } from '../usage-error.ts'

/** `commands` is asked for late: help is one of them. */
export function helpCommand(commands: () => readonly Command[]): Command {
  return defineCommand({
    name: 'help',
    summary: 'Explain a command, or list them all.',
    operands: '[COMMAND]',
    count: [0, 1],
    description: ['Without COMMAND: all commands, exit codes and environment variables.'],
    options: {},
    examples: [{ line: 'stasis help run', does: 'how to run a module, and everything that can be said about it' }],
    run: async ({ operands: [name], terminal }) => {
      if (name === undefined) {
        terminal.out(overview(commands(), terminal))
        return 0
      }
      const command = commands().find((candidate) => candidate.name === name)
      if (command === undefined) {
        const names = commands().map((candidate) => candidate.name)
        throw new UsageError(`"${name}" is no command.${didYouMean(name, names)}`)
      }
      terminal.out(commandHelp(command, terminal))
      return 0
    },
  })
}
