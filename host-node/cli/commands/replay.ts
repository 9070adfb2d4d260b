import type { CheckpointInfo, Outcome } from '../../../runtime/session/outcome.ts'
import { formatAddress, parseAddress } from '../../../runtime/store/address.ts'
import { MemoryStore } from '../../../runtime/store/memory-store.ts'
import { Session } from '../../sessions.ts'
import { defineCommand } from '../command.ts'
import { inspectStored } from '../inspect/inspect-stored.ts'
import { printCheckpoint } from '../inspect/print-checkpoint.ts'
import { lookUp } from '../look-up.ts'
import { overlaysOf, shellJoin } from '../mounts.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { flag, value } from '../options.ts'
import { programWords } from '../program-name.ts'
import { reportEvents } from '../report-events.ts'
import { dirOption, jsonOption, storeOption } from '../session-options.ts'
import { complaint, describeTrap, exitTrapped, tell } from '../supervise.ts'
import type { Terminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { parseIndex, text } from '../values.ts'

export const replayCommand = defineCommand({
  name: 'replay',
  summary: 'Run a session again by its call log, and stop at any call.',
  operands: 'NAME[@VERSION]',
  count: [1, 1],
  description: [
    'Nothing is read, written or waited for: calls are answered from the log, each is compared with it, and what the ' +
      'program wrote to its stdout and stderr is shown again. The first difference ends the replay with both sides.',
    'Of directories only those below overlays are read, and have to be granted: --dir HOST::GUEST:overlay.',
    'Where it stops, the call stack and descriptors are shown, as by "stasis inspect"; with --save they become a session ' +
      'of their own, which "stasis restore" resumes. Starts at the checkpoint before; what was dropped before the last ' +
      'checkpoints is there only in sessions run with --keep-log.',
  ],
  options: {
    goto: value(
      'CALL',
      'Stop before the call of this number ("stasis log" shows them), without showing output.',
      parseIndex,
    ),
    until: value('CALL', 'The same, showing output on the way.', parseIndex),
    break: value(
      'NAME',
      'Stop before the first call of a function, "fd_write" or "path_*"; with --goto, from there on.',
      text,
    ),
    save: value('NAME', 'Keep the place where it stops as checkpoint 1 of a new session.', text),
    dir: dirOption,
    quiet: flag('Show no output of the program.'),
    strace: flag('Show every call on stderr.'),
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis replay calc', does: 'all of it again, as far as the log goes back' },
    { line: 'stasis replay calc --goto 4318', does: 'where was it then? Stack and descriptors' },
    { line: 'stasis replay calc --goto 4318 --save then', does: 'and go on from there: stasis restore then' },
    { line: 'stasis replay calc --break path_unlink_file', does: 'before it removes its first file' },
  ],
  run: async ({ values, operands, terminal }) => {
    const address = parseAddress(operands[0] as string)
    if (values.goto !== undefined && values.until !== undefined)
      throw new UsageError('--goto and --until exclude each other.', 'replay')
    const place = placeOf(values)
    const store = await openPlace(values)
    const target = values.save === undefined ? new MemoryStore() : store
    const isStopped = values.break !== undefined
    const session = await lookUp(store, address.name, () =>
      Session.replay(store, formatAddress(address), {
        store: target,
        name: values.save ?? address.name,
        echo: !values.quiet && values.goto === undefined && !values.json,
        strace: values.strace,
        mounts: overlaysOf(values.dir),
        ...(isStopped ? { break: values.break as string } : {}),
        ...(isStopped && values.goto !== undefined && { from: values.goto }),
        ...(!isStopped && { ...stop(values.goto ?? values.until) }),
        onEvent: reportEvents(terminal),
      }),
    )
    const outcome = await session.done
    if (outcome.kind !== 'suspended') return reportEnd(outcome, values.json, terminal)
    const report = await inspectStored(target, { name: outcome.checkpoint.session, version: 1 }, store)
    if (values.json) terminal.out(JSON.stringify(report, null, 2))
    else {
      tell(describeStop(outcome.checkpoint, isStopped ? undefined : (values.goto ?? values.until)), terminal)
      terminal.err(printCheckpoint(report, terminal))
      if (values.save !== undefined) {
        const words = [...programWords(), 'restore', values.save, ...place.words]
        terminal.err(`Resume with: ${terminal.style('bold', shellJoin(words), 'err')}`)
      }
    }
    return 0
  },
})

const stop = (call: number | undefined) => (call === undefined ? {} : { until: call })

function describeStop({ calls }: CheckpointInfo, wanted: number | undefined): string {
  const at = calls.toLocaleString('en-US')
  return wanted === undefined || wanted === calls ? `Stopped before call ${at}.` : `The log ends before call ${at}.`
}

function reportEnd(outcome: Exclude<Outcome, { kind: 'suspended' }>, json: boolean, terminal: Terminal): number {
  if (outcome.kind === 'exited') {
    if (json) terminal.out(JSON.stringify({ kind: 'exited', code: outcome.code }))
    else tell(`The program ended here with code ${outcome.code}.`, terminal)
    return 0
  }
  if (outcome.kind === 'stopped') {
    const end = `Stopped before call ${outcome.calls.toLocaleString('en-US')}, log-only, so that there is no checkpoint to look into.`
    if (json) terminal.out(JSON.stringify(outcome))
    else tell(end, terminal)
    return 0
  }
  const { error } = outcome
  terminal.err('code' in error ? complaint('The replay ended.', error, terminal) : describeTrap(error, terminal))
  return 'code' in error && error.code !== 'STASIS_TRAP' ? 1 : exitTrapped
}
