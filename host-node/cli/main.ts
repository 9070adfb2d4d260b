import { tuneEngine } from '../engine-flags.ts'
import type { Command } from './command.ts'
import { attachCommand } from './commands/attach.ts'
import { checkpointCommand } from './commands/checkpoint.ts'
import { compactCommand } from './commands/compact.ts'
import { copyCommand } from './commands/copy.ts'
import { diffCommand } from './commands/diff.ts'
import { exportCommand } from './commands/export.ts'
import { filesCommand } from './commands/files.ts'
import { forkCommand } from './commands/fork.ts'
import { gcCommand } from './commands/gc.ts'
import { helpCommand } from './commands/help.ts'
import { imageCommand } from './commands/image.ts'
import { importCommand } from './commands/import.ts'
import { inspectCommand } from './commands/inspect.ts'
import { logCommand } from './commands/log.ts'
import { lsCommand } from './commands/ls.ts'
import { migrateCommand } from './commands/migrate.ts'
import { pullCommand } from './commands/pull.ts'
import { pushCommand } from './commands/push.ts'
import { replayCommand } from './commands/replay.ts'
import { reportCommand } from './commands/report.ts'
import { restoreCommand } from './commands/restore.ts'
import { rmCommand } from './commands/rm.ts'
import { runCommand } from './commands/run.ts'
import { serveCommand } from './commands/serve.ts'
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
  diffCommand,
  imageCommand,
  verifyCommand,
  replayCommand,
  forkCommand,
  copyCommand,
  exportCommand,
  importCommand,
  filesCommand,
  rmCommand,
  serveCommand,
  pushCommand,
  pullCommand,
  migrateCommand,
  attachCommand,
  gcCommand,
  compactCommand,
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
