import { type GuestArguments, type Options, type Parsed, parseOptions, type Values } from './options.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

export interface Example {
  readonly line: string
  readonly does: string
}

interface CommandBase {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What follows `stasis NAME [options]`, for example 'MODULE.wasm [ARGS...]'. */
  readonly operands: string
  /** Paragraphs. */
  readonly description: readonly string[]
  readonly examples: readonly Example[]
  /** Everything after the first operand belongs to the guest. */
  readonly guestArguments?: GuestArguments
  /** How many operands are needed and allowed. */
  readonly count: readonly [least: number, most: number]
}

export interface Invocation<O extends Options> {
  readonly values: Values<O>
  readonly operands: readonly string[]
  readonly guestArgs: readonly string[]
  readonly terminal: Terminal
}

/** A command whose options' types are forgotten, for tables of commands. */
export interface Command extends CommandBase {
  readonly options: Options
  /** Parses; the result runs the command and gives the exit code. Throws a UsageError. */
  prepare(argv: readonly string[], terminal: Terminal): 'help' | (() => Promise<number>)
}

export function defineCommand<O extends Options>(
  command: CommandBase & { readonly options: O; readonly run: (invocation: Invocation<O>) => Promise<number> },
): Command {
  return {
    ...command,
    prepare(argv, terminal) {
      const parsed = parseOptions(argv, command.options, {
        command: command.name,
        guestArguments: command.guestArguments ?? false,
      })
      if (parsed.help) return 'help'
      checkOperands(command, parsed)
      const { values, positionals, guestArgs } = parsed
      return () => command.run({ values, operands: positionals, guestArgs, terminal })
    },
  }
}

function checkOperands(command: CommandBase, parsed: Parsed<Options>): void {
  const [least, most] = command.count
  const given = parsed.positionals
  if (given.length < least)
    throw new UsageError(`Something is missing: stasis ${command.name} [options] ${command.operands}`, command.name)
  if (given.length > most)
    throw new UsageError(
      `"${given[most]}" is too much: stasis ${command.name} [options]${command.operands && ` ${command.operands}`}`,
      command.name,
    )
}
