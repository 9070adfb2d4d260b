import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { parseAddress } from '../../../runtime/store/address.ts'
import { listSessions } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { isStasisError } from '../../../wasm-shim/errors.ts'
import { Session } from '../../sessions.ts'
import { sessionOptions, superviseOptions } from '../begin-session.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { checkFile, checkMounts, generateName } from '../inputs.ts'
import { lookUp } from '../look-up.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { list, value } from '../options.ts'
import {
  dirOption,
  engineOption,
  importOption,
  logOptions,
  memOption,
  pollsOption,
  snapshotOptions,
  storeOption,
} from '../session-options.ts'
import { supervise } from '../supervise.ts'
import { parseEnv, text } from '../values.ts'

export const runCommand = defineCommand({
  name: 'run',
  summary: 'Run a WASI program so that it can be frozen at any time.',
  operands: 'MODULE.wasm [ARGS...]',
  count: [1, 1],
  guestArguments: true,
  description: [
    'Runs the module as it is; nothing has to be built in. Ctrl-Z takes a checkpoint, stops the session, and prints the ' +
      'command that resumes it, here or elsewhere. Ctrl-C ends it. "stasis checkpoint NAME" does the same from another ' +
      'terminal, while the program computes, sleeps, or waits for input.',
    'Everything behind the module belongs to the program. It sees the directories granted with --dir and the variables ' +
      'given with --env, and nothing else. Its stdin, stdout and stderr are those of this process; stasis itself speaks ' +
      'on stderr only.',
    'The exit code is the program’s own; 75 when it was stopped with a checkpoint, 134 when it trapped, 130 after Ctrl-C.',
  ],
  options: {
    name: value('NAME', 'Name of the session. Default: the module’s name and a number.', text),
    dir: dirOption,
    mem: memOption,
    import: importOption,
    env: list('NAME[=VALUE]', 'Set a variable for the program; without a value it inherits yours.', (given) =>
      parseEnv(given),
    ),
    argv0: value('TEXT', 'What the program sees as its own name. Default: the module’s file name.', text),
    store: storeOption,
    ...encryptionOptions,
    'regions-from': value(
      'NAME[@VERSION]',
      'Fill the regions that the program registers with what those of the same names held in a checkpoint of another program, ' +
        'an older version of this one for example.',
      text,
    ),
    polls: pollsOption,
    engine: engineOption,
    ...snapshotOptions,
    ...logOptions,
  },
  examples: [
    { line: 'stasis run app.wasm', does: 'run it; Ctrl-Z freezes it' },
    {
      line: 'stasis run --dir ./data::/data:ro --env TZ --name calc app.wasm --verbose input.csv',
      does: 'with a directory, a variable, a name, and arguments of its own',
    },
    {
      line: 'stasis run --snapshot-interval 30s app.wasm',
      does: 'after a crash or a kill, at most 30 seconds of work are lost',
    },
    {
      line: 'stasis run --regions-from calc@3 calc-2.wasm',
      does: 'a new version of a program, with the regions of memory that the old one had registered',
    },
    {
      line: 'stasis run --snapshot-on first-stdin --stop-after-snapshot python.wasm',
      does: 'boot an interpreter once; then "stasis restore NAME --keep" starts from there, as often as you like',
    },
  ],
  run: async ({ values, operands, guestArgs, terminal }) => {
    const path = operands[0] as string
    const moduleName = basename(path)
    checkFile(path, 'the module')
    checkMounts(values.dir, values.mem)
    const preparing = `Preparing ${moduleName} (${formatSize(statSync(path).size)})…`
    const place = placeOf(values)
    const store = await openPlace(values)
    const from = values['regions-from']
    const begin = (name: string) =>
      Session.start({
        module: path,
        moduleName,
        name,
        store,
        args: [values.argv0 ?? moduleName, ...guestArgs],
        env: values.env.filter((pair) => pair !== undefined),
        ...(values.polls !== undefined && { polls: values.polls }),
        ...(values.engine !== undefined && { engine: values.engine }),
        ...(from !== undefined && { regionsFrom: from }),
        imports: Object.fromEntries(values.import),
        ...sessionOptions(values, terminal),
      })
    const start = (name: string) =>
      from === undefined ? begin(name) : lookUp(store, parseAddress(from).name, () => begin(name))
    return supervise(
      () => (values.name === undefined ? startUnnamed(path, store, start) : start(values.name)),
      superviseOptions(values, { module: moduleName, place, store, terminal, preparing }),
    )
  },
})

/** Starts under a made-up name, and under another one where somebody else was quicker. */
async function startUnnamed<T>(path: string, store: Store, start: (name: string) => Promise<T>): Promise<T> {
  const taken = new Set((await listSessions(store)).map((session) => session.name))
  for (;;) {
    const name = generateName(path, taken)
    try {
      return await start(name)
    } catch (error) {
      if (!isStasisError(error) || !takenCodes.has(error.code)) throw error
      taken.add(name)
    }
  }
}

const takenCodes: ReadonlySet<string> = new Set(['STASIS_SESSION_BUSY', 'STASIS_SESSION_EXISTS'])
