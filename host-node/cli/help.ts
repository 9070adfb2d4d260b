import type { Command } from './command.ts'
import { wrap } from './format.ts'
import { helpOption, type Option } from './options.ts'
import type { Terminal } from './terminal.ts'

export const exitCodes: readonly (readonly [string, string])[] = [
  ['0-255', 'the guest’s own exit code'],
  ['75', 'suspended: a checkpoint was taken and the session stopped; "stasis restore" goes on'],
  ['130', 'ended by Ctrl-C'],
  ['134', 'the guest trapped'],
  ['1', 'stasis could not do it; the message on stderr says why'],
  ['2', 'the command line is wrong'],
]

const environment: readonly (readonly [string, string])[] = [
  ['STASIS_STORE', 'the store where no --store is given'],
  ['STASIS_PASSPHRASE', 'the passphrase of an encrypted store'],
  ['NO_COLOR', 'no colour, even on a terminal'],
  ['STASIS_DEBUG', 'error messages with their stack traces'],
]

/** `stasis help`. */
export function overview(commands: readonly Command[], terminal: Terminal): string {
  const title = (text: string) => terminal.style('bold', text)
  return [
    `${title('stasis')}: freeze a running WebAssembly program, and resume it elsewhere.`,
    '',
    `${title('Usage')}`,
    '  stasis run [options] MODULE.wasm [ARGS...]',
    '',
    title('Commands'),
    definitions(
      commands.map((command) => [command.name, command.summary]),
      terminal,
    ),
    '',
    title('A first try'),
    '  stasis run app.wasm          # press Ctrl-Z: it is frozen, and the shell is back',
    '  stasis ls                    # there it is',
    '  stasis restore app-1         # in this terminal or another one: it goes on where it was',
    '',
    title('Exit codes'),
    definitions(exitCodes, terminal),
    '',
    title('Environment'),
    definitions(environment, terminal),
    '',
    '"stasis help COMMAND" (or "stasis COMMAND --help") explains one command and its options.',
  ].join('\n')
}

/** `stasis help COMMAND`, from the command's tables alone. */
export function commandHelp(command: Command, terminal: Terminal): string {
  const title = (text: string) => terminal.style('bold', text)
  const groups = groupOptions({ ...command.options, help: helpOption })
  return [
    `${title(`stasis ${command.name}`)}: ${command.summary}`,
    '',
    title('Usage'),
    `  stasis ${command.name} [options]${command.operands && ` ${command.operands}`}`,
    '',
    ...command.description.flatMap((paragraph) => [wrap(paragraph, terminal.columns), '']),
    ...[...groups].flatMap(([group, entries]) => [title(group), definitions(entries, terminal), '']),
    title('Examples'),
    ...command.examples.flatMap((example) => [`  ${example.line}`, terminal.style('dim', `      ${example.does}`)]),
  ].join('\n')
}

/** By heading, in the order of the table: the general ones first. */
function groupOptions(options: Readonly<Record<string, Option>>): ReadonlyMap<string, readonly Definition[]> {
  const groups = new Map<string, Definition[]>([['Options', []]])
  for (const [name, option] of Object.entries(options)) {
    const { group = 'Options' } = option
    groups.set(group, [...(groups.get(group) ?? []), [optionHead(name, option), optionText(option)]])
  }
  return groups
}

type Definition = readonly [term: string, explanation: string]

function optionHead(name: string, option: Option): string {
  const short = option.short ? `-${option.short}, ` : ''
  return `${short}--${name}${placeholderOf(option)}`
}

function placeholderOf(option: Option): string {
  if (option.kind === 'flag') return ''
  return option.kind === 'optional' ? `[=${option.placeholder}]` : ` ${option.placeholder}`
}

const optionText = (option: Option): string =>
  option.kind === 'list' ? `${option.help} May be given several times.` : option.help

/** Terms on the left, explanations wrapped on the right; a long term gets a line of its own. */
function definitions(entries: readonly Definition[], terminal: Terminal): string {
  const widest = Math.min(24, Math.max(...entries.map(([term]) => term.length)))
  const indent = ' '.repeat(widest + 4)
  return entries
    .map(([term, explanation]) => {
      const body = wrap(explanation, terminal.columns - indent.length).replaceAll('\n', `\n${indent}`)
      const head = `  ${terminal.style('cyan', term)}`
      return term.length > widest
        ? `${head}\n${indent}${body}`
        : `${head}${' '.repeat(widest - term.length + 2)}${body}`
    })
    .join('\n')
}
