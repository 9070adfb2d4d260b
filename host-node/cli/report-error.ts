import { isStasisError } from '../../wasm-shim/errors.ts'
import { printable } from './format.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/** What the system says, as a clause. The rest keep Node's words. */
const systemCauses: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'you have no permission',
  EPERM: 'the system does not allow it',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many files are open',
}

/** The sentence for a failed system call on a path: 'Cannot read app.wasm: it does not exist.' */
export function systemCause(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return systemCauses[code ?? ''] ?? message ?? String(error)
}

/** Mistakes in what was typed that are found by others than the command line's own parser. */
const usageCodes: ReadonlySet<string> = new Set(['STASIS_SESSION_NAME', 'STASIS_VERSION_SYNTAX', 'STASIS_STORE_URL'])

/** Prints an error and returns the exit code: 2 where the command line is wrong, else 1. */
export function reportError(error: unknown, terminal: Terminal, json: boolean): number {
  const { code, message, fields } = describe(error)
  const exitCode = error instanceof UsageError || usageCodes.has(code) ? 2 : 1
  if (json) {
    terminal.err(JSON.stringify({ error: { code, message, fields } }))
    return exitCode
  }
  const head = terminal.style('red', 'stasis:', 'err')
  terminal.err(`${head} ${message} ${terminal.style('dim', `[${code}]`, 'err')}`)
  if (typeof fields.stack === 'string') for (const frame of frames(fields.stack)) terminal.err(frame)
  for (const cause of causes(error)) terminal.err(cause)
  if (error instanceof UsageError)
    terminal.err(`        "stasis help${error.command ? ` ${error.command}` : ''}" explains the usage.`)
  if (process.env.STASIS_DEBUG && error instanceof Error) terminal.err(error.stack ?? '')
  return exitCode
}

function describe(error: unknown): { code: string; message: string; fields: Readonly<Record<string, unknown>> } {
  if (isStasisError(error)) return { code: error.code, message: error.message, fields: error.fields }
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'STASIS_INTERNAL',
    message: `${message.replace(/\.?$/, '.')} This is a fault of stasis itself; STASIS_DEBUG=1 shows where, please report it.`,
    fields: {},
  }
}

/** As many of the guest's functions as tell where it was. */
const shownFrames = 12

const frames = (stack: string): readonly string[] =>
  stack
    .split('\n')
    .slice(0, shownFrames)
    .map((frame) => `        at ${printable(frame)}`)

/** The chain of causes, one indented line each. */
export function causes(error: unknown): readonly string[] {
  const found: string[] = []
  let cause = error instanceof Error ? error.cause : undefined
  while (cause instanceof Error && found.length < 5) {
    if (!(error as Error).message.includes(cause.message)) found.push(`        because: ${cause.message}`)
    cause = cause.cause
  }
  return found
}
