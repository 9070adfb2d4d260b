import { existsSync } from 'node:fs'
import type { Command } from './command.ts'
import { commandHelp, overview } from './help.ts'
import { reportError } from './report-error.ts'
import { didYouMean } from './suggest.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/** Spellings from other programs' habits. */
const aliases: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-V': 'version',
  '-v': 'version',
  list: 'ls',
  ps: 'ls',
  remove: 'rm',
  delete: 'rm',
  resume: 'restore',
  snapshot: 'checkpoint',
  dump: 'checkpoint',
  info: 'inspect',
  logs: 'log',
  trace: 'log',
}

/** Runs one command line (without `node` and the script's name) and gives the exit code; prints errors itself. */
export async function runCommandLine(
  commands: readonly Command[],
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [word, ...rest] = argv
  let json = false
  try {
    if (word === undefined) {
      terminal.err(overview(commands, terminal))
      return 2
    }
    const command = findCommand(commands, word)
    json = 'json' in command.options && rest.includes('--json')
    const prepared = command.prepare(rest, terminal)
    if (prepared === 'help') {
      terminal.out(commandHelp(command, terminal))
      return 0
    }
    return await prepared()
  } catch (error) {
    return reportError(error, terminal, json)
  }
}

function findCommand(commands: readonly Command[], word: string): Command {
  const found = commands.find((command) => command.name === (Object.hasOwn(aliases, word) ? aliases[word] : word))
  if (found !== undefined) return found
  if (word.startsWith('-')) {
    const owner = commands.find((command) => Object.hasOwn(command.options, word.slice(2).split('=')[0] as string))
    throw new UsageError(
      `Options stand behind a command${owner ? `: stasis ${owner.name} ${word}` : `, and "${word}" is no command`}.`,
    )
  }
  if (word.endsWith('.wasm') || existsSync(word))
    throw new UsageError(`"${word}" is no command. To run the module: stasis run ${word}`)
  throw new UsageError(
    `"${word}" is no command.${didYouMean(
      word,
      commands.map((command) => command.name),
      (name) => `stasis ${name}`,
    )}`,
  )
}
