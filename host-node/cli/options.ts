import { parseArgs } from 'node:util'
import { didYouMean } from './suggest.ts'
import { UsageError } from './usage-error.ts'

/** An option as data: parsing, help and suggestions are derived from it. */
export interface Flag {
  readonly kind: 'flag'
  readonly short?: string
  readonly help: string
  /** Heading in the help. Default: 'Options'. */
  readonly group?: string
}

/** An option with a value; `list` may be given several times, of `value` the last one counts. */
export interface Valued<Kind extends 'value' | 'list', T> {
  readonly kind: Kind
  readonly short?: string
  /** What stands for the value in the help, for example 'HOST[::GUEST][:ro]'. */
  readonly placeholder: string
  readonly help: string
  readonly group?: string
  /** Throws a UsageError on a value that makes no sense. */
  readonly parse: (text: string) => T
}

/** A flag that may be given a value: `--keep`, `--keep=5`, and `--keep 5` where that is a number. */
export interface Optional<T> {
  readonly kind: 'optional'
  readonly short?: string
  readonly placeholder: string
  readonly help: string
  readonly group?: string
  readonly parse: (text: string) => T
}

export type Option = Optional<unknown> | Flag | Valued<'value', unknown> | Valued<'list', unknown>
export type Options = Readonly<Record<string, Option>>

export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Flag
    ? boolean
    : O[K] extends Optional<infer T>
      ? T | boolean
      : O[K] extends Valued<'value', infer T>
        ? T | undefined
        : O[K] extends Valued<'list', infer T>
          ? readonly T[]
          : never
}

export interface Parsed<O extends Options> {
  readonly values: Values<O>
  readonly positionals: readonly string[]
  /** What follows the first positional, untouched, where the command hands its arguments to a guest. */
  readonly guestArgs: readonly string[]
  readonly help: boolean
}

/** Whether what follows the first operand belongs to the guest; may depend on that operand. */
export type GuestArguments = boolean | ((operand: string) => boolean)

export const flag = (help: string, short?: string): Flag => ({ kind: 'flag', help, ...(short && { short }) })

export function value<T>(placeholder: string, help: string, parse: (text: string) => T): Valued<'value', T> {
  return { kind: 'value', placeholder, help, parse }
}

export function optional<T>(placeholder: string, help: string, parse: (text: string) => T): Optional<T> {
  return { kind: 'optional', placeholder, help, parse }
}

export function list<T>(placeholder: string, help: string, parse: (text: string) => T): Valued<'list', T> {
  return { kind: 'list', placeholder, help, parse }
}

/** The same options, under a heading of their own in the help. */
export function grouped<O extends Options>(group: string, options: O): O {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { ...option, group }])) as O
}

/** Every command has it, so it stands in no table. */
export const helpOption = flag('Show this help.', 'h')

/**
 * Parses a command's arguments by its table. With `guestArguments`, everything after the first positional for which it is
 * true belongs to the guest; one `--` directly after it is dropped.
 */
export function parseOptions<O extends Options>(
  argv: readonly string[],
  options: O,
  context: { readonly command: string; readonly guestArguments: GuestArguments },
): Parsed<O> {
  const table: Record<string, Option> = { help: helpOption, ...options }
  const tokens = joinValues(tokenize(argv, table), table)
  const firstPositional = tokens.find((token) => token.kind === 'positional')
  const { guestArguments } = context
  const isGuests = typeof guestArguments === 'function' ? guestArguments : () => guestArguments
  const end = firstPositional && isGuests(firstPositional.value) ? firstPositional.index : Number.POSITIVE_INFINITY

  const seen = new Map<string, unknown[]>()
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.index > end) break
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(table, token.name) ? table[token.name] : undefined
    if (option === undefined) throw unknownOption(token.rawName, table, context.command)
    const before = seen.get(token.name) ?? []
    seen.set(token.name, [...before, readValue(option, token, context.command)])
  }

  const guestArgs = end === Number.POSITIVE_INFINITY ? [] : argv.slice(end + 1)
  return {
    values: Object.fromEntries(
      Object.entries(options).map(([name, option]) => [name, collect(option, seen.get(name))]),
    ) as Values<O>,
    positionals,
    guestArgs: guestArgs[0] === '--' ? guestArgs.slice(1) : guestArgs,
    help: seen.has('help'),
  }
}

type Tokens = ReturnType<typeof tokenize>

/** A number behind an option whose value may be left out is that value. */
function joinValues(tokens: Tokens, table: Record<string, Option>): Tokens {
  return tokens.flatMap((token, i) => {
    const [before, after] = [tokens[i - 1], tokens[i + 1]]
    const mayTake = (one: Tokens[number] | undefined) =>
      one?.kind === 'option' && table[one.name]?.kind === 'optional' && one.value === undefined
    const isNumber = (one: Tokens[number] | undefined) => one?.kind === 'positional' && /^\d+$/.test(one.value)
    if (mayTake(before) && isNumber(token) && before?.index === token.index - 1) return []
    if (token.kind === 'option' && mayTake(token) && after?.kind === 'positional' && isNumber(after)) {
      return [{ ...token, value: after.value, inlineValue: true as const }]
    }
    return [token]
  })
}

function tokenize(argv: readonly string[], table: Record<string, Option>) {
  const config = Object.fromEntries(
    Object.entries(table).map(([name, option]) => [
      name,
      {
        type: option.kind === 'flag' || option.kind === 'optional' ? ('boolean' as const) : ('string' as const),
        multiple: true,
        ...(option.short && { short: option.short }),
      },
    ]),
  )
  return parseArgs({ args: [...argv], options: config, strict: false, allowPositionals: true, tokens: true }).tokens
}

interface OptionToken {
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function readValue(option: Option, token: OptionToken, command: string): unknown {
  if (option.kind === 'flag') {
    if (token.value !== undefined)
      throw new UsageError(`${token.rawName} takes no value; leave out "=${token.value}".`, command)
    return true
  }
  if (option.kind === 'optional' && token.value === undefined) return true
  if (token.value === undefined) throw new UsageError(`${token.rawName} needs a value: ${option.placeholder}.`, command)
  if (!token.inlineValue && token.value.length > 1 && token.value.startsWith('-'))
    throw new UsageError(
      `${token.rawName} needs a value (${option.placeholder}), and "${token.value}" looks like an option. ` +
        `If it is the value, write ${token.rawName}=${token.value}.`,
      command,
    )
  try {
    return option.parse(token.value)
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${token.rawName}: ${error.message}`, command)
    throw error
  }
}

function collect(option: Option, values: unknown[] | undefined): unknown {
  if (option.kind === 'flag') return values !== undefined
  if (option.kind === 'optional') return values?.at(-1) ?? false
  return option.kind === 'list' ? (values ?? []) : values?.at(-1)
}

function unknownOption(rawName: string, table: Record<string, Option>, command: string): UsageError {
  const name = rawName.replace(/^-+/, '')
  const hint = rawName.startsWith('--') ? didYouMean(name, Object.keys(table), (found) => `--${found}`) : ''
  return new UsageError(`Unknown option ${rawName}.${hint}`, command)
}
