import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseAddress } from '../../../runtime/store/address.ts'
import type { ComparedCall } from '../../../runtime/verify/verify-log.ts'
import type { VerifyReport } from '../../../runtime/verify/verify-session.ts'
import { openStore } from '../../open-store.ts'
import { Session } from '../../sessions.ts'
import { verify } from '../../verify.ts'
import { defineCommand } from '../command.ts'
import { formatSize, plural, printable } from '../format.ts'
import { checkFile, checkMounts } from '../inputs.ts'
import { lookUp } from '../look-up.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { list, value } from '../options.ts'
import { dirOption, jsonOption, pollsOption, storeOption } from '../session-options.ts'
import type { Terminal } from '../terminal.ts'
import { parseCount, parseEnv, text } from '../values.ts'
import { kindOfFile, verifyFile } from '../verify-file.ts'

/** A module's path, and no session's name. */
const isModule = (subject: string): boolean => kindOfFile(subject) === undefined && /[/\\]|\.wasm$/.test(subject)

/** Before which calls of a program a checkpoint is compared: dense where it begins, sparse where it is long. */
const comparedCalls = [1, 2, 5].flatMap((first) => Array.from({ length: 7 }, (_, power) => first * 10 ** power))

export const verifyCommand = defineCommand({
  name: 'verify',
  summary:
    'Check that checkpoints and call log agree: the log, replayed, reaches the memory that the checkpoints hold.',
  operands: 'NAME[@VERSION] | FILE | MODULE.wasm [ARGS...]',
  count: [1, 1],
  guestArguments: isModule,
  description: [
    'Of a session: the module’s own code is run by the session’s log from its beginning, without touching anything outside, ' +
      'and its memories and exported globals are compared with each checkpoint of the run. The log has to reach back: run ' +
      'the program with --keep --keep-log. One that begins at a checkpoint is replayed from there.',
    'Of a checkpoint file (.ckp), an image (.ckpt) or an exported session (.stasis): every byte is checked, without ' +
      'running anything.',
    'Of a module: it is run once, with checkpoints at the calls 1, 2, 5, 10, 20, 50 and so on to five million, and then ' +
      'compared likewise. It does what it does, so grant it directories that you can spare; its output goes to stderr.',
    'The exit code is 0 where all that was compared is the same, else 1.',
  ],
  options: {
    dir: dirOption,
    env: list('NAME[=VALUE]', 'Set a variable for the program; without a value it inherits yours.', (given) =>
      parseEnv(given),
    ),
    argv0: value('TEXT', 'What the program sees as its own name. Default: the module’s file name.', text),
    torture: value('K', 'Of a module: at every K-th call go on in a fresh instance, as by a restore.', parseCount),
    polls: pollsOption,
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis verify calc', does: 'all checkpoints of calc' },
    {
      line: 'stasis verify --torture 100 --dir ./copy::/data app.wasm input.csv',
      does: 'a program that is restored all the time',
    },
  ],
  run: async ({ values, operands, guestArgs, terminal }) => {
    const subject = operands[0] as string
    const kind = kindOfFile(subject)
    if (kind !== undefined) {
      const report = await verifyFile(subject, kind)
      const { size, versions, session } = report
      const what = session === undefined ? plural(versions, 'version') : `of ${session}`
      const text = `${subject}: ${kind}, ${what}, ${formatSize(size)}: every byte is as it was written.`
      terminal.out(values.json ? JSON.stringify(report) : text)
      return 0
    }
    const report = isModule(subject) ? await verifyModule() : await verifyNamed()
    terminal.out(values.json ? JSON.stringify(report, null, 2) : print(report, terminal))
    return report.isSame ? 0 : 1

    async function verifyNamed(): Promise<VerifyReport> {
      const address = parseAddress(subject)
      const store = await openPlace(values)
      return lookUp(store, address.name, () => verify(store, address))
    }

    async function verifyModule(): Promise<VerifyReport> {
      checkFile(subject, 'the module')
      checkMounts(values.dir)
      const moduleName = basename(subject)
      const directory = mkdtempSync(join(tmpdir(), 'stasis-verify-'))
      try {
        const store = await openStore(`file:${directory}`)
        const session = await Session.start({
          module: subject,
          moduleName,
          name: 'verify',
          store,
          engine: 'instrumented',
          args: [values.argv0 ?? moduleName, ...guestArgs],
          env: values.env.filter((pair) => pair !== undefined),
          mounts: values.dir,
          triggers: comparedCalls.map((call) => ({ kind: 'call', call })),
          keep: true,
          keepLog: true,
          ...(values.polls !== undefined && { polls: values.polls }),
          ...(values.torture !== undefined && { torture: values.torture }),
          stdout: (bytes) => void process.stderr.write(bytes),
          onEvent: (event) => {
            if (event.kind === 'refused') terminal.err(`stasis: No checkpoint was taken. ${event.error.message}`)
          },
        })
        const outcome = await session.done
        if (outcome.kind === 'trapped') terminal.err(`stasis: The guest trapped: ${outcome.error.message}`)
        return await verify(store, { name: 'verify', version: 0 })
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    }
  },
})

function print({ from, compared, isSame }: VerifyReport, terminal: Terminal): string {
  const colors = { same: 'green', different: 'red', skipped: 'dim' } as const
  const line = ({ name, call, kind, details }: ComparedCall): string => {
    const what = terminal.style(colors[kind], kind)
    return `${name}, after ${plural(call, 'call')}: ${what}${details.length > 0 ? `: ${printable(details.join('; '))}` : ''}`
  }
  return [...compared.map(line), `${verdictOf(compared, isSame)}; replayed from ${from}.`].join('\n')
}

function verdictOf(compared: readonly ComparedCall[], isSame: boolean): string {
  if (isSame) return 'Checkpoints and log agree'
  return compared.some(({ kind }) => kind === 'different')
    ? 'Checkpoints and log do not agree'
    : 'There was nothing to compare (run the program with --keep --keep-log, and checkpoints at calls)'
}
