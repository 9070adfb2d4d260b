import { tuneEngine } from '../engine-flags.ts'
import type { Command } from './command.ts'
import { checkpointCommand } from './commands/checkpoint.ts'
import { filesCommand } from './commands/files.ts'
import { forkCommand } from './commands/fork.ts'
import { helpCommand } from './commands/help.ts'
import { inspectCommand } from './commands/inspect.ts'
import { logCommand } from './commands/log.ts'
import { lsCommand } from './commands/ls.ts'
import { replayCommand } from './commands/replay.ts'
import { reportCommand } from './commands/report.ts'
import { restoreCommand } from './commands/restore.ts'
import { rmCommand } from './commands/rm.ts'
import { runCommand } from './commands/run.ts'
import { verifyCommand } from './commands/verify.ts'
import { versionCommand } from './commands/version.ts'
import { runCommandLine } from './run-command-line.ts'
import { processTerminal } from './terminal.ts'

const commands: readonly Command[] = [
  runCommand,
  checkpointCommand,
  restoreCommand,
  lsCommand,
  logCommand,
  reportCommand,
  inspectCommand,
  verifyCommand,
  replayCommand,
  forkCommand,
  filesCommand,
  rmCommand,
  helpCommand(() => commands),
  versionCommand,
]

// `stasis ls | head -1`: a reader that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

tuneEngine()
const code = await runCommandLine(commands, process.argv.slice(2), processTerminal())

// A read of stdin under way would keep the process; what has been written must get out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
