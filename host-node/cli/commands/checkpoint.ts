import { checkSessionName } from '../../../runtime/store/address.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { control } from '../../control/client.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { shellJoin } from '../mounts.ts'
import { flag, value } from '../options.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { locateStore } from '../store-place.ts'
import { describeStopped } from '../supervise.ts'
import type { Terminal } from '../terminal.ts'
import { parseDuration, text } from '../values.ts'

/** A guest that makes calls answers in milliseconds; only then is there something to explain. */
const patience = 2000

export const checkpointCommand = defineCommand({
  name: 'checkpoint',
  summary: 'Take a checkpoint of a running session, from another terminal.',
  operands: 'NAME',
  count: [1, 1],
  description: [
    'The session NAME may be computing, sleeping, or waiting for input; it is caught where it is, and goes on unless ' +
      'told to stop. "stasis ls" shows which sessions are running.',
  ],
  options: {
    stop: flag('End the session after the checkpoint; its process exits with 75.'),
    'without-files': flag('Leave out the contents of files in directories of the host.'),
    label: value('TEXT', 'A note to find the checkpoint by.', text),
    timeout: value('TIME', 'Give up after TIME (500ms, 10s). Default: wait as long as it takes.', parseDuration),
    store: storeOption,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis checkpoint calc', does: 'save it and let it go on' },
    { line: 'stasis checkpoint calc --stop --label "before the upgrade"', does: 'save it, then end the process' },
  ],
  run: async ({ values, operands, terminal }) => {
    const name = checkSessionName(operands[0] as string)
    const slow = setTimeout(() => explainDelay(name, values.json, terminal), patience)
    const signal = values.timeout === undefined ? undefined : AbortSignal.timeout(values.timeout)
    try {
      const { label, stop } = values
      const params = { stop, ...(values['without-files'] && { files: false }), ...(label !== undefined && { label }) }
      const taken = await control(locateStore(values.store).id, name, 'checkpoint', params, signal)
      if (values.json) terminal.out(JSON.stringify(taken))
      else {
        const { version, size = 0, calls = 0, stopped } = taken
        const end = stopped ? 'The session has stopped.' : 'The session goes on.'
        const saved = `Checkpoint ${version} of ${name} is saved (${formatSize(size)}). ${end}`
        terminal.out(version === undefined ? describeStopped(name, { calls }) : saved)
        if (taken.stopped) terminal.out(`Resume with: ${terminal.style('bold', shellJoin(taken.resume))}`)
      }
      return 0
    } catch (error) {
      if (!signal?.aborted) throw error
      throw new StasisError(
        'STASIS_TIMEOUT',
        `"${name}" took no checkpoint within the given time; it may still take it. ${noCallsHint}`,
        { session: name },
      )
    } finally {
      clearTimeout(slow)
    }
  },
})

const noCallsHint =
  'A guest can be stopped where it makes a call or reaches a poll: run it with --polls=all to have more.'

function explainDelay(name: string, json: boolean, terminal: Terminal): void {
  if (!json) terminal.err(`stasis: Waiting for "${name}" to reach a place where it can be stopped… ${noCallsHint}`)
}
