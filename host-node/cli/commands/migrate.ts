import { checkSessionName } from '../../../runtime/store/address.ts'
import type { FilesWay, MountFate } from '../../../runtime/transfer/mount-fates.ts'
import { defineCommand } from '../command.ts'
import { formatSize, printable } from '../format.ts'
import { openPlace, placeOf, type StoreValues } from '../open-place.ts'
import { flag, value } from '../options.ts'
import type { StorePlace } from '../store-place.ts'
import { tell } from '../supervise.ts'
import type { Terminal } from '../terminal.ts'
import { filesOption, localPeer, parseServerTarget, retrying, tokenOf, transferOptions } from '../transfer-options.ts'
import { progressLine } from '../transfer-progress.ts'
import { UsageError } from '../usage-error.ts'
import { text } from '../values.ts'

export const migrateCommand = defineCommand({
  name: 'migrate',
  summary: 'Move a session to a server, where it goes on.',
  operands: 'NAME URL[/NAME] | --resume NAME',
  count: [1, 2],
  description: [
    'A session that runs is copied while it runs, in rounds of what has changed since the last one, then stopped for the ' +
      'rest, which is little. The right to run it is handed over with a confirmation, so that there is one copy that can ' +
      'run, wherever the connection ends. The server goes on with it, with the directories that its operator granted; one ' +
      'that is not granted goes on in memory, with the files that the session has written or holds open. Before it is ' +
      'stopped, this is asked there: a session that could not go on is not moved.',
    'If the move fails before this side lets go, the session goes on where it ran; where its process has ended, "stasis ' +
      'restore NAME" does, or try again. If the connection ends between that and the server’s answer, --resume finishes it.',
  ],
  options: {
    'no-start': flag('Do not run it there; it is held suspended.'),
    resume: flag('Finish a hand-over whose last word was lost.'),
    as: value('NAME', 'What it is called there.', text),
    force: flag('Replace another session of that name there.'),
    files: filesOption,
    ...transferOptions,
  },
  examples: [
    { line: 'stasis migrate calc http://box:8642', does: 'it goes on at the machine box' },
    { line: 'stasis migrate --resume calc', does: 'after the connection was lost at the worst moment' },
  ],
  run: async ({ values, operands, terminal }) => {
    const name = checkSessionName(operands[0] as string)
    const place = placeOf(values)
    if (values.resume !== (operands.length === 1)) {
      throw new UsageError(
        values.resume ? '--resume knows where it went.' : 'To which server? stasis migrate NAME URL',
        'migrate',
      )
    }
    const start = !values['no-start']
    const { files = 'refuse' } = values
    const moved = values.resume
      ? await finish(name, { start, files }, values, terminal)
      : await move(name, operands[1] as string, place, { start, files }, values, terminal)
    const { url, running, reason } = moved
    if (values.json) terminal.out(JSON.stringify({ name, ...moved }))
    else {
      terminal.out(`${name} has moved to ${url}${running ? ' and runs there' : ''}.`)
      if (running) terminal.out(`See it: ${terminal.style('bold', `stasis attach ${url}`)}`)
    }
    if (!start || running) return 0
    if (values.json) return 1
    tell(`It does not run there: ${reason.split('\n').map(printable).join('\n        ')}`, terminal)
    tell(`Bring it back: stasis pull --take ${url}. Or start it there: stasis attach --start ${url}`, terminal)
    return 1
  },
})

interface Moved {
  readonly url: string
  readonly running: boolean
  readonly reason: string
  /** Bytes of frames in each round. */
  readonly rounds: readonly number[]
  /** What became of the directories of the host. */
  readonly directories: readonly MountFate[]
}

interface Values extends StoreValues {
  readonly token: string | undefined
  readonly as: string | undefined
  readonly force: boolean
  readonly json: boolean
}

interface Move {
  readonly start: boolean
  readonly files: FilesWay
}

async function finish(name: string, how: Move, values: Values, terminal: Terminal): Promise<Moved> {
  const { resume } = await import('../../transfer/send.ts')
  const retry = retrying(terminal, values.json)
  const { peer, ...done } = await resume(await openPlace(values), name, tokenOf(values.token), how, retry)
  return { url: peer, ...done, rounds: [], directories: [] }
}

async function move(
  name: string,
  target: string,
  place: StorePlace,
  how: Move,
  values: Values,
  terminal: Terminal,
): Promise<Moved> {
  const { server, as } = parseServerTarget(target, name, values.as)
  const progress = progressLine(name, terminal)
  const say = (what: string) => {
    progress.clear()
    if (!values.json) tell(what, terminal)
  }
  let isStopped = false
  let directories: readonly MountFate[] = []
  const { send } = await import('../../transfer/send.ts')
  try {
    const {
      rounds,
      running = false,
      reason = '',
    } = await send(await openPlace(values), name, server, {
      storeId: place.id,
      token: tokenOf(values.token),
      as,
      force: values.force,
      move: how,
      here: localPeer(name, place),
      onProgress: progress.show,
      onFates: (fates) => {
        directories = fates
        for (const { guest, because } of fates) say(`${printable(guest)}: ${printable(because)}.`)
      },
      onRound: ({ changed, sent }) => say(`${formatSize(changed)} had changed, ${formatSize(sent)} were sent.`),
      onStopped: () => {
        isStopped = true
        say(`${name} was stopped for the rest.`)
      },
      onRetry: retrying(terminal, values.json),
    }).finally(progress.clear)
    return { url: `${server}/${as}`, running, reason, rounds: rounds.map(({ sent }) => sent), directories }
  } catch (error) {
    if (isStopped)
      say(
        `${name} was stopped. Unless the next line says that it has moved, it goes on where it ran; if it does not run ` +
          `("stasis ls"), "stasis restore ${name}" goes on with it.`,
      )
    throw error
  }
}
