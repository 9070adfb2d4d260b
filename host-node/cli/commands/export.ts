import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatAddress, parseAddress } from '../../../runtime/store/address.ts'
import { listSessions } from '../../../runtime/store/checkpoints.ts'
import { loadStart } from '../../../runtime/store/start-record.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { decodeState } from '../../../wasm-shim/wasi/saved-state.ts'
import { Session } from '../../sessions.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { lookUp } from '../look-up.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { value } from '../options.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { tell } from '../supervise.ts'
import { UsageError } from '../usage-error.ts'
import { text } from '../values.ts'

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'Write a session into one file that can go anywhere.',
  operands: 'NAME[@VERSION]',
  count: [1, 1],
  description: [
    'The file holds the module, the checkpoint with the files that it carries, and what the call log has behind it: ' +
      'everything but permissions. "stasis import" or "stasis restore FILE" goes on from it, on any machine or in a page. ' +
      'The session here stays as it is.',
    'The same content gives the same bytes.',
  ],
  options: {
    output: { ...value('FILE', 'Where to write; "-" for stdout. Default: NAME.stasis.', text), short: 'o' },
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis export calc -o calc.stasis', does: 'where calc was last' },
    { line: 'stasis export calc@3 -o - | ssh other stasis restore -', does: 'goes on over there' },
  ],
  run: async ({ values, operands, terminal }) => {
    const address = parseAddress(operands[0] as string)
    const file = values.output ?? `${address.name}.stasis`
    if (file === '-' && process.stdout.isTTY)
      throw new UsageError('An exported session is no text: redirect stdout, or name a file with -o.', 'export')
    const store = await openPlace(values)
    let size = 0
    const counted = async function* () {
      for await (const part of Session.export(store, formatAddress(address))) {
        size += part.length
        yield part
      }
    }
    await lookUp(store, address.name, async () => {
      if (file === '-') return pipeline(Readable.from(counted()), process.stdout, { end: false })
      await writeWhole(file, counted())
    })
    if (address.version === 0 && !values.json && (await leavesFiles(store, address.name))) {
      const message = `Files that ${address.name} has written below directories of the host after its newest checkpoint are not in it. Take those directories along, or let it go on, stop it with a checkpoint (Ctrl-Z), and export it again.`
      tell(message, terminal)
    }
    if (file === '-') return 0
    const result = { name: address.name, file, size }
    terminal.out(values.json ? JSON.stringify(result) : `${operands[0]} is in ${file} (${formatSize(size)}).`)
    return 0
  },
})

/** Whether the call log leads on from the newest checkpoint: it has the calls, and not what they left on the host. */
async function leavesFiles(store: Store, name: string): Promise<boolean> {
  const session = (await listSessions(store)).find((one) => one.name === name)
  if (session?.ended !== undefined || !session?.log?.tail) return false
  const start = await loadStart(store, name).catch(() => undefined)
  return start !== undefined && decodeState(start.kernel).mounts.some(({ kind }) => kind === 'host')
}

/** What is there stays until the new file is whole. */
async function writeWhole(file: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`
  try {
    await pipeline(Readable.from(parts), createWriteStream(temporary, { mode: 0o600 }))
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
